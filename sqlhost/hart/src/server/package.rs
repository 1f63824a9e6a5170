//! `hart package`: the archives for servers, with checksums.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::archive::Platform;
use super::elf::{self, Glibc};
use super::text::sha256;

/// Options of `hart package`.
#[derive(Args)]
pub struct PackageOptions {
    /// Library for Windows, hart_sqlhost.dll; becomes hart-windows.zip
    #[arg(long, value_name = "DLL")]
    windows: Option<PathBuf>,
    /// Library for Linux, libhart_sqlhost.so; becomes hart-linux.zip
    #[arg(long, value_name = "SO")]
    linux: Option<PathBuf>,
    /// C library for Windows, hart_native.dll; becomes hart-native-windows.zip, with hart.h
    #[arg(long, value_name = "DLL")]
    native_windows: Option<PathBuf>,
    /// C library for Linux, libhart_native.so; becomes hart-native-linux.zip, with hart.h
    #[arg(long, value_name = "SO")]
    native_linux: Option<PathBuf>,
    /// Oldest glibc on which the libraries for Linux are to load: RHEL 8 has 2.28, Ubuntu 20.04 2.31
    #[arg(long, value_name = "VERSION", default_value = "2.28")]
    glibc: Glibc,
    /// Folder for the archives and SHA256SUMS
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
}

/// Header of the C library.
const HEADER: &str = include_str!("../../../../ffi/include/hart.h");

/// Writes an archive for each library named, and SHA256SUMS.
pub fn package(options: PackageOptions) -> Result<()> {
    let mut sums = String::new();
    let given = [
        (&options.windows, Platform::Windows, "hart", &[][..]),
        (&options.linux, Platform::Linux, "hart", &[]),
        (&options.native_windows, Platform::Windows, "hart-native", &[("hart.h", HEADER)]),
        (&options.native_linux, Platform::Linux, "hart-native", &[("hart.h", HEADER)]),
    ];
    for (path, platform, stem, more) in given {
        let Some(path) = path else { continue };
        // A server accepts the library and nothing else.
        let library = if more.is_empty() { platform.file_name() } else { platform.native_file_name() };
        let bytes = pack(path, platform, library, more, options.glibc)?;
        let name = format!("{stem}-{}.zip", platform.word().to_lowercase());
        let target = options.output.join(&name);
        std::fs::write(&target, &bytes).with_context(|| format!("cannot write {}", target.display()))?;
        // The format of sha256sum --check.
        sums.push_str(&format!("{}  {name}\n", sha256(&bytes).to_lowercase()));
    }
    ensure!(
        !sums.is_empty(),
        "which library? Say --windows DLL, --linux SO, --native-windows DLL or --native-linux SO"
    );
    let target = options.output.join("SHA256SUMS");
    std::fs::write(&target, &sums).with_context(|| format!("cannot write {}", target.display()))?;
    write!(std::io::stdout().lock(), "{sums}")?;
    Ok(())
}

/// Fails if the library would not load with that glibc.
fn check_glibc(library: &[u8], oldest: Glibc) -> Result<()> {
    let needs = elf::needs(library)?;
    if let Some((glibc, version)) = needs.glibc()?.filter(|(glibc, _)| *glibc > oldest) {
        bail!(
            "it needs glibc {glibc} ({} of {}), and servers with {oldest} are to load it. `.ci/glibc` builds one that needs no more than \
             2.28; --glibc {glibc} packs this one, where all its servers have that",
            version.name,
            version.library
        );
    }
    Ok(())
}

/// A flat archive; the same library gives the same bytes, so a hash tells whether it is installed.
fn pack(
    path: &Path,
    platform: Platform,
    name: &str,
    more: &[(&str, &str)],
    oldest: Glibc,
) -> Result<Vec<u8>> {
    let library = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let start = library.get(..4).unwrap_or(&library);
    platform.check_library(&path.display().to_string(), start)?;
    if platform == Platform::Linux {
        check_glibc(&library, oldest).with_context(|| format!("{} is not packed", path.display()))?;
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, options.unix_permissions(0o755))?;
    zip.write_all(&library)?;
    for (name, text) in more {
        zip.start_file(*name, options.unix_permissions(0o644))?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}
