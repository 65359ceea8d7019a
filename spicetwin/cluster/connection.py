"""Connection to a scheduler: everything that can be wrong with it is one clear error before anything runs."""

from __future__ import annotations

import importlib.metadata
import platform
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from spicetwin.boundary import InputError

if TYPE_CHECKING:
    from distributed import Client

    from spicetwin.cluster.chips import ClusterChips
    from spicetwin.cluster.points import ClusterSimulators

#: Seconds for the scheduler to answer, and for a first worker to be there.
PATIENCE = 10.0
#: Packages whose versions must be equal everywhere: they carry and compute the values.
EQUAL = ("distributed", "numpy")


class Cluster:
    """A Dask scheduler with its workers.

    Parameters
    ----------
    address
        ``tcp://HOST:PORT`` of a running scheduler.
    patience
        Seconds to wait for it, and for its first worker.

    Raises
    ------
    InputError
        When Dask is not installed, nobody answers, there is no worker, or Python, Dask, NumPy or this package is of
        another version there.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE) -> None:
        """Connect and compare versions."""
        self.address = address
        self.client = _connect(address, patience)
        try:
            self._check_workers(patience)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the scheduler."""
        self.close()

    def close(self) -> None:
        """Let go of the scheduler, which goes on for others."""
        self.client.close(timeout=PATIENCE)

    def chips(self) -> ClusterChips:
        """Workers of :func:`pysim.interval.interval`."""
        from spicetwin.cluster.chips import ClusterChips

        return ClusterChips(self.client)

    def simulators(self, *, timeout: float = 60.0, cache: bool = True) -> ClusterSimulators:
        """Workers of :func:`circuits.characterise.characterise`."""
        from spicetwin.cluster.points import ClusterSimulators

        return ClusterSimulators(self.client, timeout=timeout, cache=cache)

    def _check_workers(self, patience: float) -> None:
        from distributed import TimeoutError as NoWorkers

        try:
            self.client.wait_for_workers(1, timeout=patience)
        except NoWorkers as error:
            raise InputError(
                f"scheduler {self.address} has no workers; start some with 'dask worker {self.address} --nthreads 1'"
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            versions = self.client.get_versions(check=False)
        check_versions(self.address, versions)
        try:
            found: Mapping[str, Any] = self.client.run(package_identity)
        except Exception as error:
            raise InputError(
                f"scheduler {self.address}: a worker cannot load spicetwin ({type(error).__name__}: {error}); install "
                f"version {importlib.metadata.version('spicetwin')} there"
            ) from error
        check_identities(self.address, found, package_identity())


def check_identities(
    address: str, workers: Mapping[str, tuple[str, str, str]], own: tuple[str, str, str]
) -> None:
    """Refuse workers that run other code than ``own``; identities as :func:`package_identity` gives them.

    Raises
    ------
    InputError
        Naming the worker and both versions.
    """
    for worker, identity in workers.items():
        if tuple(identity) != own:
            raise InputError(
                f"scheduler {address}: worker {worker} runs spicetwin {_shown(identity)}; accepted: {_shown(own)}, "
                "as here"
            )


def check_versions(address: str, versions: Mapping[str, Any]) -> None:
    """Refuse a scheduler or worker with another Python or another version of what carries values.

    Parameters
    ----------
    versions
        As ``distributed.Client.get_versions`` gives them.

    Raises
    ------
    InputError
        Naming the place and both versions.
    """
    own = versions["client"]
    places = {"the scheduler": versions["scheduler"], **versions["workers"]}
    for place, other in places.items():
        if other is None:
            continue
        pairs = {"Python": (_minor(other["host"]), _minor(own["host"]))}
        pairs |= {name: (other["packages"].get(name), own["packages"].get(name)) for name in EQUAL}
        for name, (theirs, ours) in pairs.items():
            if theirs != ours:
                raise InputError(
                    f"scheduler {address}: {place} runs {name} {theirs}; accepted: {ours}, as here"
                )


def package_identity() -> tuple[str, str, str]:
    """Version of this package, and digests of the code that computes chips and points."""
    from circuits.provenance import code_digest
    from spicetwin.system.store import simulator_digest

    return importlib.metadata.version("spicetwin"), simulator_digest(), code_digest()


def _connect(address: str, patience: float) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "--scheduler needs Dask, which is not installed: pip install 'spicetwin[dask]'"
        ) from error
    try:
        with warnings.catch_warnings():
            # Versions are compared by check_versions, which refuses where Dask only warns.
            warnings.simplefilter("ignore")
            return Client(address, timeout=patience, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"scheduler {address} cannot be reached within {patience:g} s ({reason}); start one with 'dask scheduler', "
            "or leave out --scheduler"
        ) from error


def _minor(host: Mapping[str, Any]) -> str:
    """Python version without its patch level."""
    return ".".join(str(host.get("python", platform.python_version())).split(".")[:2])


def _shown(identity: tuple[str, str, str]) -> str:
    return f"{identity[0]} (code {identity[1][:8]}, {identity[2][:8]})"
