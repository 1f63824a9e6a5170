//! Gives the shared library the name by which programs look for it, so that none remembers the path where it was built.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos" | "ios") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libhart_native.dylib");
        }
        Ok("windows") | Err(_) => {}
        // The interface only grows, so the name has no version.
        Ok(_) => println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhart_native.so"),
    }
}
