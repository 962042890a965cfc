// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Books} from "./types/Books.sol";

/// Keep the books that the parts of the settlement and its linked libraries work on.
abstract contract Bookkeeping {
    Books private _books;

    function _allBooks() internal view returns (Books storage) {
        return _books;
    }
}
