"""The effective settings, without their secrets."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from minirelay.config.settings import Settings, find

SETTINGS: Final = "/v1/settings"


class SettingsApi:
    """`GET /v1/settings`: `{"settings": [{"name", "value", "shown", "origin", "help"}, ...]}`."""

    def __init__(self, settings: Settings, remembered: Mapping[str, str]) -> None:
        """remembered: what no setting says and the database remembers, by name."""
        self._document = {"settings": [_describe(settings, name, remembered) for name in settings.names()]}

    def routes(self) -> Iterable[web.RouteDef]:
        """List its paths and what answers there."""
        return [web.get(SETTINGS, self._list)]

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response(self._document)


def _describe(settings: Settings, name: str, remembered: Mapping[str, str]) -> dict[str, Any]:
    setting = find(name)
    if setting is None:
        raise RuntimeError(f"{name} is no setting")
    value = settings.value(name)
    if value is None and name in remembered:
        shown = remembered[name]
        return {
            "name": name,
            "value": shown,
            "shown": shown,
            "origin": "remembered in the database",
            "help": setting.help,
        }
    return {
        "name": name,
        "value": setting.plain(value),
        "shown": setting.show(value),
        "origin": settings.origin(name),
        "help": setting.help,
    }
