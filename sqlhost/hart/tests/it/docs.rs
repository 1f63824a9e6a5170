//! The generated documentation is that of the registry.

use std::path::Path;

#[test]
fn generated_documentation_is_current() {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs"));
    let files = hart::docs::files();
    for (name, text) in &files {
        let found = std::fs::read_to_string(docs.join(name)).unwrap().replace("\r\n", "\n");
        assert!(found == *text, "docs/{name} differs; `bash .ci/generate` writes it anew");
    }
    for entry in std::fs::read_dir(docs.join("kernels")).unwrap() {
        let name = format!("kernels/{}", entry.unwrap().file_name().to_str().unwrap());
        assert!(files.iter().any(|(known, _)| *known == name), "docs/{name} is no longer generated");
    }
}
