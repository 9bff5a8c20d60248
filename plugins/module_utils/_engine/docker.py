# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Docker, through the low-level API of its SDK: from 5.0.3 to now, the JSON that we write is the JSON that arrives."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
import typing as t

from .._errors import EngineError, InvalidInput, NotFound
from . import docker_format as fmt
from . import formats, libraries, sockets, streams
from .adapter import ANSWER_SECONDS, LOAD_SECONDS, Adapter
from .failures import NO_PULL, scrubbed
from .formats import Json
from .types import LABEL_ADDRESS, Container, ContainerSpec, Image, Network, NetworkSpec, Publish, Storage

_REMOVAL_SECONDS = 30.0
_POLL_SECONDS = 0.05


class DockerEngine(Adapter):
    """The Engine protocol on a Docker daemon."""

    kind = sockets.DOCKER

    def __init__(self, path: str) -> None:
        """Connects to the socket at `path`.

        Raises:
            EngineError: the SDK is missing or unusable, or the daemon does not answer.
        """
        docker = libraries.load(libraries.DOCKER)
        kinds = (docker.errors.DockerException, *libraries.TRANSPORT_ERRORS, *libraries.transport_errors())
        super().__init__(path, kinds)
        self._refused: type[Exception] = docker.errors.APIError
        with self._place.doing("connecting"):
            self._api: t.Any = docker.APIClient(base_url=self.endpoint, version="auto", timeout=ANSWER_SECONDS)

    def all_addresses(self, network: str) -> set[str]:
        """See Engine: the network's own list, each container's present and configured address, and our label."""
        known = self.network(network)
        found = set(known.addresses.values()) if known else set()
        with self._place.doing("listing addresses of network %s" % network):
            for row in self._rows({}):
                if network in ((row.get("NetworkSettings") or {}).get("Networks") or {}):
                    found |= fmt.reserved_addresses(self._data(row["Id"]) or {}, network)
                    found.add((row.get("Labels") or {}).get(LABEL_ADDRESS, ""))
        return found - {""}

    def published(self) -> list[tuple[str, Publish]]:
        """See Engine."""
        with self._place.doing("listing published ports"):
            rows = self._api.containers(all=False)
        return [(row["Names"][0].lstrip("/"), port) for row in rows if row.get("Names") for port in fmt.published_ports(row)]

    def create(self, spec: ContainerSpec) -> Container:
        """See Engine."""
        with scrubbed(spec.env.values()), self._place.doing("creating container %s" % spec.name):
            made = self._api.create_container_from_config(fmt.container_config(_with_profiles(spec)), spec.name)
            return self._record(self._inspect(made["Id"]))

    def start(self, name: str) -> None:
        """See Engine."""
        with self._place.doing("starting container %s" % name):
            self._api.start(self._exact(name))

    def start_at_boot(self, name: str, policy: str) -> None:
        """See Engine: Docker's restart policies are for the boot too."""
        with self._place.doing("setting the restart policy of container %s" % name):
            self._api.update_container(self._exact(name), restart_policy=fmt.restart_json(policy))

    def stop(self, name: str, timeout: int | None) -> None:
        """See Engine."""
        with self._place.doing("stopping container %s" % name):
            data = self._inspect(self._exact(name))
            # The SDK adds this to the time it waits for the answer: it must know the container's own time.
            self._api.stop(data["Id"], timeout=formats.stop_timeout(data) if timeout is None else timeout)

    def kill(self, name: str, signal: str) -> None:
        """See Engine."""
        with self._place.doing("sending %s to container %s" % (signal, name)):
            self._api.kill(self._exact(name), signal)

    def remove(self, name: str, force: bool = False) -> None:
        """See Engine. Where another removal is under way, waits for its end."""
        with contextlib.suppress(NotFound), self._place.doing("removing container %s" % name):
            target = self._exact(name)
            try:
                self._api.remove_container(target, v=True, force=force)
            except self._refused as error:
                if "already in progress" not in str(error):
                    raise
                self._wait_gone(target)

    def logs(self, name: str, tail: int) -> list[str]:
        """See Engine."""
        with self._place.doing("reading the log of container %s" % name):
            return streams.lines(self._api.logs(self._exact(name), stdout=True, stderr=True, tail=tail))

    def archive(self, name: str, path: str) -> t.Iterable[bytes] | None:
        """See Engine."""
        step = "reading %s in container %s" % (path, name)
        with self._place.doing(step):
            target = self._exact(name)
            found = self._place.unless_gone(lambda: self._api.get_archive(target, path))
        return None if found is None else self._each(step, found[0])

    def health(self, name: str) -> str:
        """See Engine. Docker runs the check by itself."""
        with self._place.doing("reading the health of container %s" % name):
            return self._record(self._inspect(self._exact(name))).health

    def secret(self, name: str) -> str | None:
        """See Engine."""
        raise fmt.no_secrets()

    def networks(self) -> list[Network]:
        """See Engine."""
        with self._place.doing("listing networks"):
            found = [self._network_data(row["Id"]) for row in self._api.networks()]
        return [fmt.network_record(data) for data in found if data]

    def network(self, name: str) -> Network | None:
        """See Engine."""
        with self._place.doing("inspecting network %s" % name):
            # The filter matches parts of names; inspect by name may be ambiguous: old Docker lets two have one name.
            ids = [row["Id"] for row in self._api.networks(names=[name]) if row["Name"] == name]
            data = self._network_data(ids[0]) if ids else None
        return fmt.network_record(data) if data else None

    def create_network(self, spec: NetworkSpec) -> Network:
        """See Engine. Old Docker would make a second network of the same name: looked up before."""
        known = self.network(spec.name)
        with self._place.doing("creating network %s" % spec.name):
            if known:
                raise EngineError("there is a network %s already" % spec.name)
            made = self._api.create_network(**fmt.network_body(spec))
            return fmt.network_record(self._api.inspect_network(made["Id"]))

    def remove_network(self, name: str) -> None:
        """See Engine."""
        known = self.network(name)
        if known:
            network_id = known.id
            with self._place.doing("removing network %s" % name):
                self._place.unless_gone(lambda: self._api.remove_network(network_id))

    def reconnect(self, name: str, network: str, address: str, aliases: t.Sequence[str]) -> None:
        """See Engine. Docker derives the MAC from the address."""
        known = self.network(network)
        with self._place.doing("connecting container %s to network %s again" % (name, network)):
            data = self._inspect(self._exact(name))
            if known is None:
                raise NotFound("no such network: %s" % network)
            if network in (data["NetworkSettings"].get("Networks") or {}):
                self._api.disconnect_container_from_network(data["Id"], known.id)
            self._api.connect_container_to_network(data["Id"], known.id, ipv4_address=address, aliases=list(aliases))

    def image(self, ref: str) -> Image | None:
        """See Engine."""
        with self._place.doing("inspecting image %s" % ref):
            data = self._place.unless_gone(lambda: self._api.inspect_image(ref))
        return fmt.image_record(data) if data else None

    def pull(self, ref: str) -> Image:
        """See Engine. Errors in the middle of the stream are raised by nobody but us."""
        name, tag = formats.split_ref(ref)
        with self._place.doing("pulling image %s" % ref, fix=NO_PULL):
            said = streams.pull_error(self._api.pull(name, tag=tag, stream=True, decode=True))
            if said:
                raise EngineError(said)
            return fmt.image_record(self._api.inspect_image(ref))

    def images(self) -> list[Image]:
        """See Engine."""
        with self._place.doing("listing images"):
            ids = dict.fromkeys(row["Id"] for row in self._api.images())
        return [found for found in map(self.image, ids) if found]

    def layer_sizes(self, image_id: str) -> tuple[int, ...]:
        """See Engine."""
        with self._place.doing("asking for the layers of image %s" % image_id):
            return formats.layer_sizes(self._place.unless_gone(lambda: self._api.history(image_id)) or ())

    def load(self, archive: t.Iterable[bytes]) -> None:
        """See Engine. Docker answers 200 and then tells the error in the stream."""
        with self._place.doing("loading an image"), self._patience(LOAD_SECONDS):
            said = streams.pull_error(self._api.load_image(archive))
            if said:
                raise EngineError(said)

    def tag(self, image_id: str, ref: str) -> None:
        """See Engine."""
        name, tag = formats.split_ref(ref)
        with self._place.doing("giving the name %s to image %s" % (ref, image_id)):
            self._api.tag(image_id, name, tag, force=True)

    def remove_image(self, ref: str) -> None:
        """See Engine."""
        with self._place.doing("removing image %s" % ref):
            self._place.unless_gone(lambda: self._api.remove_image(ref, force=False, noprune=True))

    def storage(self) -> Storage:
        """See Engine."""
        with self._place.doing("asking for the storage"):
            return fmt.storage_record(self._api.info())

    def close(self) -> None:
        """See Engine."""
        self._api.close()

    def _rows(self, labels: t.Mapping[str, str]) -> list[Json]:
        return list(self._api.containers(all=True, filters={"label": formats.label_filters(labels)}))

    def _inspect(self, name: str) -> Json:
        return t.cast(Json, self._api.inspect_container(name))

    def _record(self, data: Json) -> Container:
        return fmt.container_record(data)

    def _network_data(self, network_id: str) -> Json | None:
        return self._place.unless_gone(lambda: t.cast(Json, self._api.inspect_network(network_id)))

    def _exec_create(self, name: str, argv: t.Sequence[str]) -> str:
        return str(self._api.exec_create(name, list(argv))["Id"])

    def _exec_read(self, session: str) -> t.Iterable[bytes]:
        return t.cast("t.Iterable[bytes]", self._api.exec_start(session, stream=True))

    def _exec_state(self, session: str) -> Json:
        return t.cast(Json, self._api.exec_inspect(session))

    @contextlib.contextmanager
    def _patience(self, seconds: int) -> t.Iterator[None]:
        """Lets one answer take longer than others; the SDK knows no limit of a single call."""
        usual, self._api.timeout = self._api.timeout, seconds
        try:
            yield
        finally:
            self._api.timeout = usual

    def _wait_gone(self, target: str) -> None:
        end = time.monotonic() + _REMOVAL_SECONDS
        while self._data(target) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)


def _with_profiles(spec: ContainerSpec) -> ContainerSpec:
    """Docker's API wants the text of a seccomp profile where people write its path."""
    return dataclasses.replace(spec, security_opt=tuple(_with_profile(text) for text in spec.security_opt))


def _with_profile(text: str) -> str:
    key, _equals, value = text.partition("=")
    if key != "seccomp" or not value.startswith("/"):
        return text
    try:
        return "seccomp=%s" % pathlib.Path(value).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput("security_opt: seccomp profile %s cannot be read: %s" % (value, error.strerror), "Put the file on the host.") from error
