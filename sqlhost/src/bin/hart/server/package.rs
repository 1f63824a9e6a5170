//! `hart package`: the archives that servers take, with checksums.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::archive::Platform;
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
    /// Folder for the archives and SHA256SUMS
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    output: PathBuf,
}

/// Writes an archive for each library named, and SHA256SUMS.
pub fn package(options: PackageOptions) -> Result<()> {
    let mut sums = String::new();
    for (path, platform) in [(&options.windows, Platform::Windows), (&options.linux, Platform::Linux)] {
        let Some(path) = path else { continue };
        let bytes = pack(path, platform)?;
        let name = format!("hart-{}.zip", platform.word().to_lowercase());
        let target = options.output.join(&name);
        std::fs::write(&target, &bytes).with_context(|| format!("cannot write {}", target.display()))?;
        // The form of sha256sum --check.
        sums.push_str(&format!("{}  {name}\n", sha256(&bytes).to_lowercase()));
    }
    ensure!(!sums.is_empty(), "which library? Say --windows DLL, --linux SO or both");
    let target = options.output.join("SHA256SUMS");
    std::fs::write(&target, &sums).with_context(|| format!("cannot write {}", target.display()))?;
    write!(std::io::stdout().lock(), "{sums}")?;
    Ok(())
}

/// A flat archive; the same library gives the same bytes, so that a hash tells whether it is installed.
fn pack(path: &Path, platform: Platform) -> Result<Vec<u8>> {
    let library = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let start = library.get(..4).unwrap_or(&library);
    platform.check_library(&path.display().to_string(), start)?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(platform.file_name(), options)?;
    zip.write_all(&library)?;
    Ok(zip.finish()?.into_inner())
}
