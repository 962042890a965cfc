// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "solady/utils/ECDSA.sol";

interface IERC1271 {
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);
}

/// Who signed: an account with a key, or an EIP-1271 wallet that says so within a gas limit.
library Signatures {
    /// Gas lent to a wallet's check: room for a few signers, and all that a hostile wallet can burn per order.
    ///
    /// A caller who sends too little gas can make a good wallet signature fail, which skips a trade and moves no money.
    uint256 internal constant WALLET_GAS = 50_000;

    /// Return whether `signer` signed `digest`. Never reverts, whatever the signature or the wallet does.
    function isSignedBy(bytes32 digest, address signer, bytes calldata signature) internal view returns (bool) {
        if (isSignedByKey(digest, signer, signature)) return true;
        return signer.code.length != 0 && walletAccepts(digest, signer, signature);
    }

    /// Return whether the key of `signer` signed `digest`: (r, s, v) or EIP-2098, with s in its lower half.
    function isSignedByKey(bytes32 digest, address signer, bytes calldata signature) internal view returns (bool) {
        if (signature.length != 64 && signature.length != 65) return false;
        uint256 s;
        assembly ("memory-safe") {
            s := calldataload(add(signature.offset, 0x20)) // within bounds; a slice would check twice more
        }
        if (signature.length == 64) s &= type(uint256).max >> 1; // the highest bit of EIP-2098 is the parity
        if (s > ECDSA.N / 2) return false;
        address recovered = ECDSA.tryRecoverCalldata(digest, signature);
        return recovered != address(0) && recovered == signer;
    }

    /// Ask a wallet, in assembly: it caps the gas, and copies one word of the answer however long that is.
    function walletAccepts(bytes32 digest, address wallet, bytes calldata signature)
        private
        view
        returns (bool accepted)
    {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 magic = IERC1271.isValidSignature.selector;
        uint256 gasLent = WALLET_GAS;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            accepted := staticcall(gasLent, wallet, add(question, 0x20), mload(question), 0x00, 0x20)
            accepted := and(accepted, and(gt(returndatasize(), 0x1f), eq(mload(0x00), magic)))
        }
    }
}
