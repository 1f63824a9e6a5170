//! `NativeMethods.g.cs`, by csbindgen.

use super::{EXPORTS, TYPES, read, root};

pub fn text() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let target = folder.path().join("NativeMethods.g.cs");
    let mut builder = csbindgen::Builder::default();
    for path in TYPES.iter().chain(EXPORTS) {
        builder = builder.input_extern_file(root().join(path));
    }
    builder
        .csharp_dll_name("hart_native")
        .csharp_namespace("Hart.Native")
        .csharp_class_name("NativeMethods")
        .csharp_class_accessibility("internal")
        // Language version 7.2 and .NET Standard, and no marshalling: so every runtime can call it, ahead of time compiled ones too.
        .csharp_use_function_pointer(false)
        .csharp_use_nint_types(false)
        .csharp_generate_const_filter(|name| name.starts_with("HART_"))
        .generate_csharp_file(&target)
        .expect("the sources can be parsed");
    read(&target)
}
