// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {PlainToken} from "./PlainToken.sol";

/// A token that can be told to make whoever asks for a balance work: by burning all the gas, or by a long answer.
contract HostileToken is PlainToken(18) {
    enum Answer {
        Balance,
        BurnsGas,
        Megabyte,
        Nothing
    }

    Answer public answer;

    function behave(Answer answer_) external {
        answer = answer_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        if (answer == Answer.BurnsGas) {
            while (true) {}
        }
        if (answer == Answer.Megabyte) {
            assembly {
                return(0, 0x100000)
            }
        }
        if (answer == Answer.Nothing) {
            assembly {
                return(0, 0)
            }
        }
        return super.balanceOf(account);
    }
}
