//! Writes the generated files of the C library anew: `cargo run -p hart-ffi --example generate`.

mod files;

fn main() {
    for (path, text) in files::ALL {
        let (path, text) = (files::root().join(path), text());
        if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        std::fs::write(&path, text).expect("the file can be written");
        println!("{}", path.display());
    }
}
