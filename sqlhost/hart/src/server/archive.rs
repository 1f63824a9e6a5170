//! The archive for a server: a flat zip with the library and nothing else.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use zip::ZipArchive;

use super::text::sha256;

/// Maximum size of an archive; a library has some megabytes.
const LARGEST: u64 = 512 * 1024 * 1024;

/// A platform that SQL Server runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Windows
    Windows,
    /// Linux
    Linux,
}

impl Platform {
    /// Both.
    pub const ALL: [Platform; 2] = [Platform::Windows, Platform::Linux];

    /// The platform's name in CREATE EXTERNAL LANGUAGE and sys.external_language_files.
    pub fn word(self) -> &'static str {
        match self {
            Platform::Windows => "WINDOWS",
            Platform::Linux => "LINUX",
        }
    }

    /// Name of the library.
    pub fn file_name(self) -> &'static str {
        match self {
            Platform::Windows => "hart_sqlhost.dll",
            Platform::Linux => "libhart_sqlhost.so",
        }
    }

    /// Name of the C library.
    pub fn native_file_name(self) -> &'static str {
        match self {
            Platform::Windows => "hart_native.dll",
            Platform::Linux => "libhart_native.so",
        }
    }

    /// First bytes of a library.
    fn magic(self) -> &'static [u8] {
        match self {
            Platform::Windows => b"MZ",
            Platform::Linux => b"\x7fELF",
        }
    }

    /// Fails if the bytes are not a library of this platform.
    pub fn check_library(self, name: &str, start: &[u8]) -> Result<()> {
        ensure!(
            start.starts_with(self.magic()),
            "{name} is no library for {}: it begins with {start:02x?}, expected {:02x?}",
            self.word(),
            self.magic()
        );
        Ok(())
    }
}

/// A checked archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its platform.
    pub platform: Platform,
    /// Its bytes.
    pub bytes: Arc<Vec<u8>>,
    /// SHA-256 in uppercase hexadecimal.
    pub hash: String,
}

impl Archive {
    /// Reads and checks an archive.
    pub fn read(path: &Path, platform: Platform) -> Result<Archive> {
        let name = path.display();
        let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {name}"))?;
        let size = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
        ensure!(size <= LARGEST, "{name} has {size} bytes; expected at most {LARGEST}");
        check(&mut file, platform).with_context(|| format!("{name}"))?;
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = vec![0; usize::try_from(size)?];
        file.read_exact(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        let hash = sha256(&bytes);
        Ok(Archive { platform, bytes: bytes.into(), hash })
    }
}

fn check(file: &mut std::fs::File, platform: Platform) -> Result<()> {
    let expected = platform.file_name();
    let mut zip = ZipArchive::new(file).context("is no zip archive; `hart package` makes one")?;
    let names = zip.file_names().map(|n| n.map(String::from)).collect::<Result<Vec<String>, _>>();
    let names = names.context("cannot be read")?;
    if names != [expected] {
        let found = if names.is_empty() { "nothing".into() } else { names.join(", ") };
        bail!(
            "holds {found}; expected {expected} and nothing else, in no folder; `hart package` makes it so"
        );
    }
    let mut library = zip.by_name(expected).context("cannot be read")?;
    let mut start = [0; 4];
    library.read_exact(&mut start).with_context(|| format!("{expected} in it is too short"))?;
    platform.check_library(&format!("{expected} in it"), &start)
}

/// Archives on the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct ArchiveOptions {
    /// Archive for servers on Windows, as `hart package` makes it
    #[arg(long, value_name = "ZIP")]
    windows: Option<std::path::PathBuf>,
    /// Archive for servers on Linux; with both, the language serves both
    #[arg(long, value_name = "ZIP")]
    linux: Option<std::path::PathBuf>,
}

impl ArchiveOptions {
    /// Whether one is named.
    pub fn any(&self) -> bool {
        self.windows.is_some() || self.linux.is_some()
    }

    /// Reads the named archives; at least one is required.
    pub fn read(&self) -> Result<Vec<Archive>> {
        let mut archives = Vec::new();
        for (path, platform) in [(&self.windows, Platform::Windows), (&self.linux, Platform::Linux)] {
            if let Some(path) = path {
                archives.push(Archive::read(path, platform)?);
            }
        }
        ensure!(
            !archives.is_empty(),
            "which library? Say --windows ZIP, --linux ZIP or both; `hart package` makes them"
        );
        Ok(archives)
    }
}
