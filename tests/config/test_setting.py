"""A setting is a field with a description; a struct in a struct is a section."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from minirelay.config.quantities import Count, Size
from minirelay.config.setting import settings_of
from minirelay.config.settings import SETTINGS, Settings
from minirelay.config.urls import EndpointUrl


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    url: Annotated[EndpointUrl | None, Meta(description="where to post", extra={"is_secret": True})] = None


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    floor: Annotated[Size, Meta(description="free disk")] = Size(200)
    webhook: Webhook = Webhook()


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    confirmations: Annotated[Count, Meta(description="blocks on top")] = 2


class All(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(description="a name")] = "a"
    alerts: Alerts = Alerts()
    chains: dict[int, Chain] = {}


def test_sections_follow_from_structs_in_structs() -> None:
    found = {one.name: one for one in settings_of(All)}
    assert list(found) == ["name", "alerts.floor", "alerts.webhook.url", "chains.<id>.confirmations"]
    assert (found["alerts.floor"].default, found["alerts.floor"].help) == (200, "free disk")
    assert [one.name for one in found.values() if one.is_secret] == ["alerts.webhook.url"]


def test_what_a_number_has_to_be_follows_from_its_type() -> None:
    assert {one.name: one.wanted for one in settings_of(All)}["chains.<id>.confirmations"] == (
        "a whole number from 1 on"
    )


def test_a_setting_without_a_description_is_a_mistake() -> None:
    class Silent(msgspec.Struct):
        size: Annotated[int, Meta(ge=1)] = 1

    with pytest.raises(TypeError, match="size has no description"):
        list(settings_of(Silent))


def test_every_field_is_a_setting_a_section_or_where_values_come_from() -> None:
    declared = {setting.name.split(".")[0] for setting in SETTINGS}
    assert set(Settings.__struct_fields__) - declared == {"origins"}
