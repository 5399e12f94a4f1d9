//! The unit tests of the bundled agents. They are a workspace of their own,
//! built for WebAssembly; what needs no host is tested natively.

use std::process::Command;

#[test]
fn the_logic_of_the_bundled_agents_is_right() {
    let checkout = hermitage_tests::checkout();
    let status = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--locked", "--manifest-path"])
        .arg(checkout.join("plugins/Cargo.toml"))
        .arg("--target-dir")
        .arg(checkout.join("target/plugins"))
        .status()
        .unwrap();
    assert!(status.success(), "see the output above");
}
