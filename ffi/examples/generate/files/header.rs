//! `include/hart.h`, by cbindgen.

use super::{EXPORTS, TYPES, root};

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
    // The premise of a function is Rust's word for what the header's first comment says of all pointers.
    text.replace(" * # Safety\n", " * Premises:\n")
}
