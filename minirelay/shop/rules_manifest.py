"""What patches do to the manifest (spec 04 "Manifest")."""

from collections.abc import Callable
from typing import Any

from minirelay.errors import invalid, not_found
from minirelay.protocol.patch_set import Patch
from minirelay.shop.canonical import read, read_as
from minirelay.shop.objects import (
    AcceptedCurrencies,
    ChainAddress,
    EmptyMap,
    Manifest,
    PayeeMetadata,
    Payees,
    ShippingRegion,
    ShippingRegions,
)
from minirelay.shop.path_table import Handler, PathTable, Slot
from minirelay.shop.state import MANIFEST_KEY
from minirelay.shop.working_set import WorkingSet

ByChain = dict[int, dict[bytes, Any]]
PartOf = Callable[[Manifest], ByChain]

CHAIN, ADDRESS, NAME = Slot.CHAIN, Slot.ADDRESS, Slot.NAME


def apply(working: WorkingSet, patch: Patch) -> None:
    """Apply a patch to the manifest. Raises Refusal."""
    TABLE.check_op(patch)
    manifest = working.manifests.edit(MANIFEST_KEY)
    if manifest is None and not (patch.op == "replace" and not patch.fields):
        raise invalid("this shop has no manifest yet: it has to be created first")
    handler, held = TABLE.find(patch)
    handler(working, patch, manifest, *held)


def _replace(working: WorkingSet, patch: Patch, old: Manifest | None) -> None:
    manifest = read(Manifest, patch.value)
    if old is not None and old.shop_id != manifest.shop_id:
        raise invalid("the ShopID of a manifest can't change")
    working.manifests.put(MANIFEST_KEY, manifest)


def _replace_field(attribute: str, kind: Any) -> Handler:
    def replace_field(_working: WorkingSet, patch: Patch, manifest: Manifest) -> None:
        setattr(manifest, attribute, read_as(kind, f"Manifest.{patch.fields[0]!s}", patch.value))

    return replace_field


def _payees(manifest: Manifest) -> ByChain:
    return manifest.payees


def _currencies(manifest: Manifest) -> ByChain:
    return manifest.accepted_currencies


def _add_entry(part: PartOf, kind: Any) -> Handler:
    def add_entry(_working: WorkingSet, patch: Patch, manifest: Manifest, chain: int, address: bytes) -> None:
        entries = part(manifest)
        if address in entries.get(chain, ()):
            raise invalid("this chain has that address already")
        value = read_as(kind, "Value", patch.value)
        entries.setdefault(chain, {})[address] = value

    return add_entry


def _replace_entry(part: PartOf, kind: Any) -> Handler:
    def replace_entry(
        _working: WorkingSet, patch: Patch, manifest: Manifest, chain: int, address: bytes
    ) -> None:
        entries = part(manifest).get(chain, {})
        if address not in entries:
            raise not_found("this chain does not have that address")
        entries[address] = read_as(kind, "Value", patch.value)

    return replace_entry


def _remove_payee(
    _working: WorkingSet, _patch: Patch, manifest: Manifest, chain: int, address: bytes
) -> None:
    if chain not in manifest.payees:
        raise not_found("there are no payees on this chain")
    _remove_entry(manifest.payees, chain, address)


def _remove_currency(
    _working: WorkingSet, _patch: Patch, manifest: Manifest, chain: int, address: bytes
) -> None:
    if chain not in manifest.accepted_currencies:
        raise invalid("there are no accepted currencies on this chain")
    _remove_entry(manifest.accepted_currencies, chain, address)


def _remove_entry(entries: ByChain, chain: int, address: bytes) -> None:
    if entries[chain].pop(address, None) is None:
        raise not_found("this chain does not have that address")
    if not entries[chain]:
        del entries[chain]


def _add_region(_working: WorkingSet, patch: Patch, manifest: Manifest, name: str) -> None:
    regions = manifest.shipping_regions or {}
    if name in regions:
        raise invalid("there is a shipping region of that name already")
    regions[name] = read(ShippingRegion, patch.value)
    manifest.shipping_regions = regions


def _replace_region(_working: WorkingSet, patch: Patch, manifest: Manifest, name: str) -> None:
    regions = manifest.shipping_regions or {}
    if name not in regions:
        raise not_found("there is no shipping region of that name")
    regions[name] = read(ShippingRegion, patch.value)


def _remove_region(_working: WorkingSet, _patch: Patch, manifest: Manifest, name: str) -> None:
    if not manifest.shipping_regions:
        raise invalid("there are no shipping regions")
    if manifest.shipping_regions.pop(name, None) is None:
        raise not_found("there is no shipping region of that name")


TABLE = PathTable(
    {
        ("replace",): _replace,
        ("replace", "PricingCurrency"): _replace_field("pricing_currency", ChainAddress),
        ("replace", "Payees"): _replace_field("payees", Payees),
        ("replace", "AcceptedCurrencies"): _replace_field("accepted_currencies", AcceptedCurrencies),
        ("replace", "ShippingRegions"): _replace_field("shipping_regions", ShippingRegions),
        ("replace", "Payees", CHAIN, ADDRESS): _replace_entry(_payees, PayeeMetadata),
        ("replace", "AcceptedCurrencies", CHAIN, ADDRESS): _replace_entry(_currencies, EmptyMap),
        ("replace", "ShippingRegions", NAME): _replace_region,
        ("add", "Payees", CHAIN, ADDRESS): _add_entry(_payees, PayeeMetadata),
        ("add", "AcceptedCurrencies", CHAIN, ADDRESS): _add_entry(_currencies, EmptyMap),
        ("add", "ShippingRegions", NAME): _add_region,
        ("remove", "Payees", CHAIN, ADDRESS): _remove_payee,
        ("remove", "AcceptedCurrencies", CHAIN, ADDRESS): _remove_currency,
        ("remove", "ShippingRegions", NAME): _remove_region,
    },
    other_fields=("ShopID",),
    unknown_not_found={("add",), ("remove",)},
)
