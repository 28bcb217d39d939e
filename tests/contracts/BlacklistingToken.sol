// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token that some may neither get nor give.
contract BlacklistingToken is ERC20 {
    mapping(address account => bool) public isListed;

    constructor() ERC20("Blacklisting", "BLK") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function list(address account, bool isListed_) external {
        isListed[account] = isListed_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!isListed[from] && !isListed[to], "listed");
        super._update(from, to, amount);
    }
}
