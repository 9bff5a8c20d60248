# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to hotswap.containers: may change in any release.

"""Podman, through the connection of its SDK (4.7 and later) and libpod's own API.

The SDK's objects are not used: against real servers they lose aliases, pull errors and filters without a word, and refuse
what libpod accepts, differently in each version (measured). Its `client.api` carries requests as they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import typing as t
import urllib.parse

from .._errors import EngineError, NotFound
from . import formats, libraries, sockets, streams
from . import podman_format as fmt
from .adapter import ANSWER_SECONDS, LOAD_SECONDS, Adapter
from .failures import NO_PULL, refusal, scrubbed
from .formats import Json
from .podman_boot import PodmanBoot, policy_of
from .podman_service import PodmanService
from .types import LABEL_ADDRESS, LABEL_RESTART, Container, ContainerSpec, Image, Network, NetworkSpec, Publish, Storage

# The oldest libpod API that we speak; newer servers answer old versions in the old shapes.
_API_VERSION = "4.0.0"
_PULL_SECONDS = 3600
_CHUNK_BYTES = 64 * 1024


class PodmanEngine(Adapter):
    """The Engine protocol on Podman, rootful or rootless."""

    kind = sockets.PODMAN

    def __init__(self, path: str, service: PodmanService | None = None) -> None:
        """Connects to the socket at `path`; `service` is ended by close().

        Raises:
            EngineError: the SDK is missing or unusable.
        """
        podman = libraries.load(libraries.PODMAN)
        kinds = (podman.errors.DockerException, *libraries.TRANSPORT_ERRORS, *libraries.transport_errors())
        super().__init__(path, kinds)
        self._service = service
        self._boot = PodmanBoot(path, service is not None)
        with self._place.doing("connecting"):
            self._client: t.Any = podman.PodmanClient(base_url=self.endpoint, version=_API_VERSION, timeout=ANSWER_SECONDS)
            # Versions before 5 would send requests for the socket to the proxy that the environment names.
            self._client.api.trust_env = False

    def all_addresses(self, network: str) -> set[str]:
        """See Engine: Podman tells the address of a stopped container nowhere, hence our label."""
        with self._place.doing("listing addresses of network %s" % network):
            found = set()
            for data in self._on_network(network):
                record = fmt.container_record(data)
                found |= {record.networks.get(network, ""), record.labels.get(LABEL_ADDRESS, "")}
        return found - {""}

    def published(self) -> list[tuple[str, Publish]]:
        """See Engine."""
        with self._place.doing("listing published ports"):
            rows = self._json("get", "/containers/json")
        return [(row["Names"][0], port) for row in rows if row.get("Names") for port in fmt.published_ports(row)]

    def create(self, spec: ContainerSpec) -> Container:
        """See Engine. Where the policy is to come later it comes now: before 5.1 Podman could not change it."""
        later = spec.labels.get(LABEL_RESTART, "")
        publish = spec.publish if self.rootless else fmt.anywhere(spec.publish)
        given = dataclasses.replace(spec, restart_policy=policy_of(later or spec.restart_policy), publish=publish)
        with scrubbed(spec.env.values()), self._place.doing("creating container %s" % spec.name):
            made = self._json("post", "/containers/create", body=fmt.container_body(given))
            self._boot.set(spec.name, spec.restart_policy)
            return self._record(self._inspect(made["Id"]))

    def start(self, name: str) -> None:
        """See Engine."""
        with self._place.doing("starting container %s" % name):
            self._on(name, "post", "start")

    def start_at_boot(self, name: str, policy: str) -> None:
        """See Engine. While the host is up the policy that it was made with holds."""
        with self._place.doing("setting what a boot does with container %s" % name):
            self._boot.set(name, policy)

    def stop(self, name: str, timeout: int | None) -> None:
        """See Engine."""
        with self._place.doing("stopping container %s" % name):
            data = self._inspect(self._exact(name))
            seconds = formats.stop_timeout(data) if timeout is None else timeout
            # Podman refuses to stop what never ran. What ended may be about to be restarted: asked to stop, it stays.
            if fmt.container_record(data).state != "created":
                self._on(data["Id"], "post", "stop", params={"timeout": seconds}, seconds=seconds + ANSWER_SECONDS)

    def kill(self, name: str, signal: str) -> None:
        """See Engine."""
        with self._place.doing("sending %s to container %s" % (signal, name)):
            self._on(name, "post", "kill", params={"signal": signal})

    def remove(self, name: str, force: bool = False) -> None:
        """See Engine. By force means at once: Podman would wait the container's stop time-out."""
        params = {"v": "true", "force": "true", "timeout": "0"} if force else {"v": "true"}
        with contextlib.suppress(NotFound), self._place.doing("removing container %s" % name):
            reports = self._call("delete", "/containers/%s" % _quoted(self._exact(name)), params=params).text
            for report in json.loads(reports) if reports.strip().startswith("[") else []:
                if report.get("Err"):
                    raise EngineError(str(report["Err"]))
        self._boot.set(name, "no")

    def logs(self, name: str, tail: int) -> list[str]:
        """See Engine."""
        with self._place.doing("reading the log of container %s" % name):
            params = {"stdout": "true", "stderr": "true", "tail": str(tail)}
            return streams.lines(streams.unframe(self._on(name, "get", "logs", params=params).content))

    def archive(self, name: str, path: str) -> t.Iterable[bytes] | None:
        """See Engine."""
        step = "reading %s in container %s" % (path, name)
        with self._place.doing(step):
            place = "/containers/%s/archive" % _quoted(self._exact(name))
            found = self._place.unless_gone(lambda: self._call("get", place, params={"path": path}, stream=True))
        return None if found is None else self._each(step, found.iter_content(_CHUNK_BYTES))

    def health(self, name: str) -> str:
        """See Engine."""
        with self._place.doing("checking the health of container %s" % name):
            record = self._record(self._inspect(self._exact(name)))
            if not record.has_healthcheck or not record.running:
                return record.health
            return str(self._on(record.id, "get", "healthcheck").json().get("Status") or "")

    def secret(self, name: str) -> str | None:
        """See Engine. Its value is not asked for."""
        with self._place.doing("inspecting secret %s" % name):
            data = self._place.unless_gone(lambda: self._json("get", "/secrets/%s/json" % _quoted(name)))
        # The engine also finds a secret whose id begins so.
        return fmt.secret_identity(data) if data and data["Spec"]["Name"] == name else None

    def networks(self) -> list[Network]:
        """See Engine."""
        with self._place.doing("listing networks"):
            rows = self._json("get", "/networks/json")
            attached = self._attached()
        return [fmt.network_record(row, attached.get(row["name"], {})) for row in rows]

    def network(self, name: str) -> Network | None:
        """See Engine."""
        with self._place.doing("inspecting network %s" % name):
            data = self._place.unless_gone(lambda: self._json("get", "/networks/%s/json" % _quoted(name)))
            # The engine also finds a network whose id begins so.
            if not data or data.get("name") != name:
                return None
            return fmt.network_record(data, self._attached(name).get(name, {}))

    def create_network(self, spec: NetworkSpec) -> Network:
        """See Engine."""
        with self._place.doing("creating network %s" % spec.name):
            return fmt.network_record(self._json("post", "/networks/create", body=fmt.network_body(spec)), {})

    def remove_network(self, name: str) -> None:
        """See Engine."""
        if self.network(name):
            with contextlib.suppress(NotFound), self._place.doing("removing network %s" % name):
                for report in self._json("delete", "/networks/%s" % _quoted(name)) or []:
                    if report.get("Err"):
                        raise EngineError(str(report["Err"]))

    def reconnect(self, name: str, network: str, address: str, aliases: t.Sequence[str]) -> None:
        """See Engine."""
        with self._place.doing("connecting container %s to network %s again" % (name, network)):
            data = self._inspect(self._exact(name))
            path = "/networks/%s/" % _quoted(network)
            if network in (data["NetworkSettings"].get("Networks") or {}):
                self._call("post", path + "disconnect", body={"container": data["Id"]})
            body = {"container": data["Id"], "aliases": list(aliases), "static_ips": [address], "static_mac": fmt.fixed_mac(address)}
            self._call("post", path + "connect", body=body)

    def image(self, ref: str) -> Image | None:
        """See Engine."""
        with self._place.doing("inspecting image %s" % ref):
            data = self._place.unless_gone(lambda: self._image_data(ref))
        return fmt.image_record(data) if data else None

    def pull(self, ref: str) -> Image:
        """See Engine. Podman answers 200 and then tells the error in the stream."""
        with self._place.doing("pulling image %s" % ref, fix=NO_PULL):
            response = self._call("post", "/images/pull", params={"reference": ref, "policy": "always"}, seconds=_PULL_SECONDS, stream=True)
            said = streams.pull_error(json.loads(line) for line in response.iter_lines() if line)
            if said:
                raise EngineError(said)
            return fmt.image_record(self._image_data(ref))

    def images(self) -> list[Image]:
        """See Engine."""
        with self._place.doing("listing images"):
            ids = dict.fromkeys(row["Id"] for row in self._json("get", "/images/json"))
        return [found for found in map(self.image, ids) if found]

    def layer_sizes(self, image_id: str) -> tuple[int, ...]:
        """See Engine."""
        with self._place.doing("asking for the layers of image %s" % image_id):
            return formats.layer_sizes(self._place.unless_gone(lambda: self._json("get", "/images/%s/history" % _path(image_id))) or ())

    def load(self, archive: t.Iterable[bytes]) -> None:
        """See Engine."""
        with self._place.doing("loading an image"):
            self._call("post", "/images/load", archive=archive, seconds=LOAD_SECONDS)

    def tag(self, image_id: str, ref: str) -> None:
        """See Engine."""
        name, tag = formats.split_ref(ref)
        with self._place.doing("giving the name %s to image %s" % (ref, image_id)):
            self._call("post", "/images/%s/tag" % image_id, params={"repo": name, "tag": tag})

    def remove_image(self, ref: str) -> None:
        """See Engine."""
        with contextlib.suppress(NotFound), self._place.doing("removing image %s" % ref):
            self._call("delete", "/images/%s" % _path(ref))

    def storage(self) -> Storage:
        """See Engine."""
        with self._place.doing("asking for the storage"):
            return fmt.storage_record(self._json("get", "/info"))

    def close(self) -> None:
        """See Engine."""
        self._client.close()
        if self._service:
            self._service.close()

    def _call(
        self,
        method: str,
        path: str,
        params: t.Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        seconds: float = ANSWER_SECONDS,
        stream: bool = False,
        archive: t.Iterable[bytes] | None = None,
    ) -> t.Any:
        """One libpod request, with a JSON body or an archive; the response, or an EngineError for a status of 400 and above."""
        extra: dict[str, t.Any] = {} if body is None else {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}}
        if archive is not None:
            extra = {"data": archive, "headers": {"Content-Type": "application/x-tar"}}
        response = getattr(self._client.api, method)(path, params=params, timeout=seconds, stream=stream, **extra)
        if response.status_code >= 400:
            raise refusal(response.status_code, response.content)
        return response

    def _json(self, method: str, path: str, params: t.Mapping[str, t.Any] | None = None, body: t.Any = None) -> t.Any:
        return self._call(method, path, params, body).json()

    def _on(self, name: str, method: str, action: str, params: t.Mapping[str, t.Any] | None = None, seconds: float = ANSWER_SECONDS) -> t.Any:
        return self._call(method, "/containers/%s/%s" % (_quoted(self._exact(name)), action), params, seconds=seconds)

    def _rows(self, labels: t.Mapping[str, str]) -> list[Json]:
        filters = json.dumps({"label": formats.label_filters(labels)}) if labels else "{}"
        return list(self._json("get", "/containers/json", {"all": "true", "filters": filters}))

    def _inspect(self, name: str) -> Json:
        return t.cast(Json, self._json("get", "/containers/%s/json" % _quoted(name)))

    def _record(self, data: Json) -> Container:
        record = fmt.container_record(data)
        return dataclasses.replace(record, at_boot=self._boot.starts(record.name))

    def _on_network(self, network: str = "") -> list[Json]:
        """Inspect JSON of all containers on a network, or on any."""
        rows = [row for row in self._rows({}) if row.get("Networks") and (not network or network in row["Networks"])]
        return [data for data in (self._data(row["Id"]) for row in rows) if data]

    def _attached(self, network: str = "") -> dict[str, dict[str, str]]:
        """Network -> container -> address, of containers that have one now."""
        found: dict[str, dict[str, str]] = {}
        for data in self._on_network(network):
            record = fmt.container_record(data)
            for name, address in record.networks.items():
                if address:
                    found.setdefault(name, {})[record.name] = address
        return found

    def _image_data(self, ref: str) -> Json:
        return t.cast(Json, self._json("get", "/images/%s/json" % _path(ref)))

    def _exec_create(self, name: str, argv: t.Sequence[str]) -> str:
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(argv)}
        return str(self._call("post", "/containers/%s/exec" % _quoted(name), body=body).json()["Id"])

    def _exec_read(self, session: str) -> t.Iterable[bytes]:
        response = self._call("post", "/exec/%s/start" % session, body={"Detach": False, "Tty": False}, stream=True)
        return t.cast("t.Iterable[bytes]", response.iter_content(_CHUNK_BYTES))

    def _exec_state(self, session: str) -> Json:
        return t.cast(Json, self._json("get", "/exec/%s/json" % session))


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _path(ref: str) -> str:
    return urllib.parse.quote(ref, safe="/:@")
