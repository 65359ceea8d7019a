"""Commands of ``spicetwin``: one module a command or group, imported only when that command is called."""
