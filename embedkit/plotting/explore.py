"""The page served from whole models, on this machine only: neighbours, sums and axes of any word of the vocabulary.

The server listens on 127.0.0.1, on a port that the system chooses; every request has to bring a random token and name
this host, so that neither other users' guesses nor web pages reach it. Nothing is written.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from embedkit.errors import ConfigError, EmbedkitError, UnknownWordError
from embedkit.plotting.page import NEIGHBOURS, page_data, page_text
from embedkit.plotting.selection import Selection
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.text.escaping import escape, to_json

if TYPE_CHECKING:
    from embedkit.query.index import NeighbourIndex

HOST = "127.0.0.1"


@dataclass
class Explorer:
    """What the page asks for, of one model or several.

    Attributes
    ----------
    models : dict of str to KeyedVectors
        By the names that the page shows; the picture is of the first.
    selection : Selection
        The words of the picture.
    points : float (n, 2)
    title, subtitle : str
    index : NeighbourIndex, optional
        Answers for the first model.
    """

    models: dict[str, KeyedVectors]
    selection: Selection
    points: np.ndarray
    title: str
    subtitle: str
    index: NeighbourIndex | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _page: bytes | None = None
    _lock: Any = field(default_factory=Lock)  # mapped models and their caches are asked by one thread at a time

    def page(self) -> bytes:
        """The page, made once."""
        with self._lock:
            if self._page is None:
                data = {**page_data(self.selection, self.points, self._first()), "vectors": None, "live": self.token}
                self._page = page_text(data, self.title, self.subtitle).encode("utf-8")
        return self._page

    def similar(self, text: str) -> dict[str, Any]:
        """Neighbours of a word or of a sum (``king - man + woman``) in each model.

        Where there are several models, the title says which share of the first one's neighbours each has too.
        """
        plus, minus = signed_words(text)
        answers: list[dict[str, Any]] = []
        reference: set[str] | None = None
        with self._lock:
            for name, model in self.models.items():
                try:
                    found = self._neighbours(model, plus, minus)
                except UnknownWordError as error:
                    answers.append({"title": f"{name}: {escape(str(error))}", "neighbours": []})
                    continue
                near = {word for word, _ in found}
                title = escape(text) if len(self.models) == 1 else f"{name}: {escape(text)}"
                if reference is not None:
                    title += f" ({len(near & reference)} of {len(reference)} neighbours kept)"
                reference = reference or near
                pairs = [[escape(word), value] for word, value in found]
                answers.append({"title": title, "neighbours": pairs})
        if len(self.models) == 1 and not answers[0]["neighbours"]:
            raise ConfigError(str(answers[0]["title"]))
        return {"models": answers}

    def axis(self, low: str, high: str) -> dict[str, Any]:
        """The cosine of each word of the picture with the difference of two words."""
        with self._lock:
            model = self._first()
            ends = model.get_vectors([low, high])
        ends = ends / np.maximum(np.linalg.norm(ends, axis=1, keepdims=True), 1e-12)
        direction = ends[1] - ends[0]
        vectors = self.selection.vectors
        norms = np.linalg.norm(vectors, axis=1) * max(float(np.linalg.norm(direction)), 1e-12)
        return {"values": (vectors @ direction / np.maximum(norms, 1e-12)).round(4).tolist()}

    def _first(self) -> KeyedVectors:
        return next(iter(self.models.values()))

    def _neighbours(self, model: KeyedVectors, plus: Sequence[str], minus: Sequence[str]) -> list[tuple[str, float]]:
        vectors = model.get_vectors([*plus, *minus])
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        query = unit[: len(plus)].sum(axis=0) - unit[len(plus) :].sum(axis=0)
        index = self.index if model is self._first() else None
        topn = min(NEIGHBOURS, max(len(model) - 1, 1))
        found = model.most_similar_batch(query[None, :], topn, exclude=[[*plus, *minus]], index=index)[0]
        return [(word, round(float(value), 4)) for word, value in found]


def signed_words(text: str) -> tuple[list[str], list[str]]:
    """The words of a sum: ``king - man + woman`` gives (king, woman) and (man).

    Raises
    ------
    ConfigError
        For a sum without words, or where a sign has no word.
    """
    plus: list[str] = []
    minus: list[str] = []
    sign = plus
    parts = text.replace("\u2212", "-").split()
    if len(parts) % 2 == 0 or any((part in "+-") != bool(i % 2) for i, part in enumerate(parts)):
        raise ConfigError(f"expected words joined by + and -, found {text!r}")
    for i, part in enumerate(parts):
        if i % 2:
            sign = plus if part == "+" else minus
        else:
            sign.append(part)
    return plus, minus


def serve(explorer: Explorer, port: int = 0) -> ThreadingHTTPServer:
    """A server that is ready to answer; call its ``serve_forever``, and ``server_close`` in the end.

    Parameters
    ----------
    explorer : Explorer
    port : int, default 0
        0 lets the system choose a free one.
    """
    server = ThreadingHTTPServer((HOST, port), handler_of(explorer))
    server.daemon_threads = True
    return server


def address_of(server: ThreadingHTTPServer, explorer: Explorer) -> str:
    """What to open in a browser."""
    return f"http://{HOST}:{server.server_port}/?token={explorer.token}"


def handler_of(explorer: Explorer) -> type[BaseHTTPRequestHandler]:
    """The handler of requests for an explorer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            port = self.server.server_address[1]  # type: ignore[index]
            if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
                self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"another host\n")
                return
            if not hmac.compare_digest(query.get("token", [""])[0].encode(), explorer.token.encode()):
                self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"open the address that embedkit printed\n")
                return
            try:
                if path == "/":
                    self._answer(HTTPStatus.OK, "text/html; charset=utf-8", explorer.page())
                elif path == "/similar":
                    self._json(HTTPStatus.OK, explorer.similar(query.get("words", [""])[0]))
                elif path == "/axis":
                    self._json(HTTPStatus.OK, explorer.axis(query.get("from", [""])[0], query.get("to", [""])[0]))
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not here\n")
            except EmbedkitError as error:
                self._json(HTTPStatus.BAD_REQUEST, {"error": escape(str(error))})

        def _json(self, status: HTTPStatus, record: dict[str, Any]) -> None:
            self._answer(status, "application/json", to_json(record).encode("utf-8"))

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the terminal belongs to the command."""

    return Handler
