"""Whether the relay's wallet is there, can pay, and owns the relay's token."""

from minirelay.chain.amounts import show_balance, show_cost
from minirelay.chain.chain import Chain
from minirelay.chain.fee_forecast import cost_of_registering
from minirelay.chain.relay_registry import RelayReg
from minirelay.chain.wallet import Wallet, load_wallet
from minirelay.config.settings import Settings
from minirelay.config.urls import BaseUrl
from minirelay.errors import ConfigError
from minirelay.operations.checks.result import Line, Result, fail, ok, warn
from minirelay.protocol.ids import show_token
from minirelay.protocol.json_rpc import printable
from minirelay.protocol.signing import checksum_address


def check_wallet(settings: Settings) -> tuple[Wallet | None, Result]:
    """Read the wallet's key; say whose it is, or why it can't be read."""
    path = settings.wallet_key_file
    if path is None:
        return None, fail(Line.WALLET, "wallet_key_file is not set", "run `minirelay init`, or set it")
    try:
        wallet = load_wallet(path)
    except ConfigError as error:
        what, _, remedy = str(error).partition("; ")
        return None, fail(Line.WALLET, what, remedy)
    owner = path.stat().st_uid
    return wallet, ok(
        Line.WALLET, f"{checksum_address(wallet.address)}, its key is kept from others (user {owner})"
    )


async def check_balance(chain: Chain, address: bytes, *, is_registered: bool) -> list[Result]:
    """Say whether a wallet can pay for what the relay sends. Raises ChainUnreachable.

    is_registered: the relay has its token, so it needs less.
    """
    has = await chain.quantity("eth_getBalance", f"0x{address.hex()}", "latest")
    cost = cost_of_registering(await chain.quantity("eth_gasPrice"))
    return [judge_balance(chain.chain_id, checksum_address(address), has, cost, is_registered=is_registered)]


def judge_balance(chain_id: int, address: str, has: int, cost: int, *, is_registered: bool) -> Result:
    """Compare what a wallet has with what registering costs at most, both in wei."""
    shown = f"{show_balance(has, chain_id)} on chain {chain_id}"
    if has >= cost:
        return ok(Line.BALANCE, shown)
    remedy = f"send {show_cost(cost - has, chain_id)} or more to {address} on chain {chain_id}"
    if is_registered:
        return warn(Line.BALANCE, f"{shown}: too little for sweeps and updates of the token", remedy)
    return fail(Line.BALANCE, f"{shown}: too little to register the relay", remedy)


async def check_token(
    registry: RelayReg, token_id: int | None, wallet: bytes | None, base_url: BaseUrl | None
) -> list[Result]:
    """Say whether the relay's token is there, the wallet's, and leads to base_url.

    Raises ChainUnreachable.
    """
    if token_id is None:
        return [fail(Line.TOKEN, "this relay has none yet", "run `minirelay register`")]
    owner = await registry.owner_of(token_id)
    uri = "" if owner is None else await registry.uri(token_id)
    return [judge_token(token_id, owner, uri, wallet, base_url)]


def judge_token(
    token_id: int, owner: bytes | None, uri: str, wallet: bytes | None, base_url: BaseUrl | None
) -> Result:
    """Compare what the registry has with the settings. owner: None if there is no such token."""
    token = show_token(token_id)
    if owner is None:
        return fail(Line.TOKEN, f"{token} is not there", "check registry_chain and relay_token_id")
    if wallet is not None and owner != wallet:
        return fail(
            Line.TOKEN,
            f"{token} belongs to {checksum_address(owner)}, not to the wallet",
            "put the key of that wallet back into wallet_key_file, or check relay_token_id",
        )
    if base_url is not None and not _leads_to(uri, base_url):
        return fail(
            Line.TOKEN,
            f"its URI is {printable(uri) or 'empty'}, base_url is {base_url}",
            "run `minirelay register`, which updates it, or correct base_url",
        )
    return ok(Line.TOKEN, f"{token}, its URI is base_url")


def _leads_to(uri: str, base_url: BaseUrl) -> bool:
    try:
        return BaseUrl.parse(uri) == base_url
    except ValueError:
        return False
