"""A first key card comes to the shop through the relay that runs."""

import json
import stat
from pathlib import Path

import pytest

from minirelay.cli.enrolling import relay_urls
from minirelay.client import PrivateKey
from minirelay.config.loading import fixed_layer, load
from tests.cli.commands import assert_one_line, minirelay, serving
from tests.cli.test_shop_create import create, settings

__all__ = ["settings"]


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, ["http://127.0.0.1:4444"]),
        ({"listen_host": "0.0.0.0", "listen_port": 7}, ["http://127.0.0.1:7"]),
        ({"listen_host": "::"}, ["http://[::1]:4444"]),
        ({"listen_port": 0}, []),
    ],
)
def test_it_is_looked_for_where_it_listens_and_then_where_clients_look(
    given: dict[str, object], first: list[str]
) -> None:
    urls = relay_urls(load(fixed_layer("test", base_url="https://relay.example.org", **given)))
    assert urls == [*first, "https://relay.example.org"]


def test_a_first_key_card_is_enrolled_at_the_relay_that_runs(
    settings: dict[str, str], tmp_path: Path
) -> None:
    card_file = tmp_path / "card.key"
    with serving(settings) as relay:
        url = json.loads(relay.wait_for("serving"))["url"]
        flags = ("--yes", "--json", "--key-card-file", str(card_file), "--relay-url", url)
        first = json.loads(create(settings, *flags).out)
        assert stat.S_IMODE(card_file.stat().st_mode) == 0o600
        card = PrivateKey.from_bytes(bytes.fromhex(card_file.read_text()))
        assert first["key_card"] == {"file": str(card_file), "public_key": f"0x{card.public_key.hex()}"}
        again = create(settings, *flags)
        assert json.loads(again.out) == first | {"sent": []}
        assert card_file.read_text().strip() not in again.out
        shop = json.loads(minirelay("shop", first["shop_id"], "--json", **settings).out)
        assert [clerk["key_card"] for clerk in shop["clerks"]] == [f"0x{card.public_key.hex()}"]
        assert relay.end() == 0
    # Without a relay it says so; the card is there for the next time.
    outcome = create(settings, *flags)
    assert_one_line(outcome, 1, "not enrolled", "minirelay serve", "run this again")


def test_a_key_card_of_another_shop_is_refused_and_a_new_one_is_taken(
    settings: dict[str, str], tmp_path: Path
) -> None:
    card_file = tmp_path / "card.key"
    with serving(settings) as relay:
        url = json.loads(relay.wait_for("serving"))["url"]
        flags = ("--yes", "--json", "--relay-url", url, "--key-card-file")
        assert create(settings, *flags, str(card_file)).code == 0
        # A shop whose log is empty, and one that has other cards.
        other = create(settings, *flags, str(card_file), "--another")
        assert_one_line(other, 1, "of another shop", "--key-card-file")
        second = json.loads(create(settings, "--json", "--another", "--yes").out)["shop_id"]
        shop = ("--shop", second)
        assert create(settings, *flags, str(tmp_path / "new.key"), *shop).code == 0
        assert_one_line(create(settings, *flags, str(card_file), *shop), 1, "of another shop")
        assert relay.end() == 0
