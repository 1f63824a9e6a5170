//! Writes the generated files of the C library anew: `cargo run -p hart-ffi --example generate`.
//!
//! It takes two runs where kernels have changed: the first writes the exports, the second what is derived from them.

mod files;

fn main() {
    for (path, text) in files::all() {
        let path = files::root().join(path);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::write(&path, text).expect("the file can be written");
        println!("{}", path.display());
    }
}
