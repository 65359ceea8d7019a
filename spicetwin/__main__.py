"""``python -m spicetwin``."""

from spicetwin.cli import main

raise SystemExit(main())
