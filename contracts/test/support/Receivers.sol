// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A wallet contract that takes certificates, unless told to refuse, and may call back with what it was told.
contract Receiver {
    address private target;
    bytes private data;
    bool public refuses;
    uint256 public calls;
    bool public gotThrough;

    function setRefusing(bool refuses_) external {
        refuses = refuses_;
    }

    function callBack(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    /// Do something as this wallet.
    function run(address target_, bytes calldata data_) external {
        (bool done, bytes memory answer) = target_.call(data_);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    /// It would buy anything.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external returns (bytes4) {
        require(!refuses, "refused");
        ++calls;
        if (target != address(0) && calls == 1) (gotThrough,) = target.call(data);
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        view
        returns (bytes4)
    {
        require(!refuses, "refused");
        return this.onERC1155BatchReceived.selector;
    }
}
