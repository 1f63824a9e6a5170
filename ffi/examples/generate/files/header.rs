//! `include/hart.h`, by cbindgen.

use super::{EXPORTS, TYPES, root};

/// The premises of most functions, as they are broken into lines.
const PREMISES: [&str; 2] = [
    "The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.",
    "The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during\n * the call.",
];

pub fn text() -> String {
    let config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml can be read");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for path in TYPES.iter().chain(EXPORTS) {
        builder = builder.with_src(root().join(path));
    }
    let mut out = Vec::new();
    builder.generate().expect("the sources can be parsed").write(&mut out);
    let text = String::from_utf8(out).expect("a header is UTF-8");
    // What the header's first comment says of all pointers is not repeated; a function's own premises are.
    let premises = PREMISES.iter().map(|lines| format!(" *\n * # Safety\n *\n * {lines}\n"));
    premises.fold(text, |text, common| text.replace(&common, "")).replace(" * # Safety\n", " * Requires:\n")
}
