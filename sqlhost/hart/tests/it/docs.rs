//! The documentation that is generated from the registry.

#[test]
fn generated_documentation_is_current() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/KERNELS.md");
    let found = std::fs::read_to_string(docs).unwrap().replace("\r\n", "\n");
    assert!(found == hart::docs::all(), "docs/KERNELS.md differs; `cargo run -- docs` writes it anew");
}
