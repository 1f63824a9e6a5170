//! A Linux library's requirements on the system that loads it, read from its ELF file as the loader reads it.

use anyhow::{Context, Result, bail, ensure};

/// A required library, and a version of its symbols.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// File of the library, such as `libc.so.6`.
    pub library: String,
    /// Version, such as `GLIBC_2.28`.
    pub name: String,
}

/// The requirements of a library.
#[derive(Debug)]
pub struct Needs {
    /// Libraries for which the loader searches.
    pub libraries: Vec<String>,
    /// Versions of their symbols (`.gnu.version_r`), sorted and unique.
    pub versions: Vec<Version>,
}

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u32, pub u32);

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl std::str::FromStr for Glibc {
    type Err = String;

    fn from_str(text: &str) -> Result<Glibc, String> {
        let parts = text.split_once('.').and_then(|(a, b)| Some(Glibc(a.parse().ok()?, b.parse().ok()?)));
        parts.ok_or_else(|| format!("'{text}' is no version of glibc; expected one such as 2.28"))
    }
}

impl Needs {
    /// The oldest glibc that has all versions, and the version that requires it.
    ///
    /// # Errors
    ///
    /// For a version that no glibc release offers publicly.
    pub fn glibc(&self) -> Result<Option<(Glibc, &Version)>> {
        let mut newest = None;
        for version in &self.versions {
            let Some(rest) = version.name.strip_prefix("GLIBC_") else { continue };
            let found = match rest {
                // Required by the compact relocations of newer linkers.
                "ABI_DT_RELR" => Glibc(2, 36),
                // 2.2.5 counts as 2.2: no system is that old.
                _ => rest.splitn(3, '.').take(2).collect::<Vec<_>>().join(".").parse().map_err(|_| {
                    anyhow::anyhow!("it needs {} of {}, which no glibc has", version.name, version.library)
                })?,
            };
            if newest.is_none_or(|(glibc, _)| found > glibc) {
                newest = Some((found, version));
            }
        }
        Ok(newest)
    }
}

/// Bytes that are read as numbers at offsets.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn number<const N: usize>(&self, at: u64) -> Result<u64> {
        let start = usize::try_from(at)?;
        let bytes = start.checked_add(N).and_then(|end| self.0.get(start..end));
        let bytes = bytes.with_context(|| format!("it ends before byte {at}"))?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&self, at: u64) -> Result<String> {
        let rest = self.0.get(usize::try_from(at)?..).with_context(|| format!("it ends before byte {at}"))?;
        let end = rest.iter().position(|byte| *byte == 0).context("a name in it has no end")?;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }
}

/// Reads the requirements of an x86-64 library.
///
/// # Errors
///
/// What is wrong with the file, as the end of a sentence about it.
pub fn needs(file: &[u8]) -> Result<Needs> {
    const LOAD: u64 = 1;
    const DYNAMIC: u64 = 2;
    const NEEDED: u64 = 1;
    const STRINGS: u64 = 5;
    const VERSIONS: u64 = 0x6fff_fffe;
    const VERSION_COUNT: u64 = 0x6fff_ffff;
    let bytes = Bytes(file);
    ensure!(
        bytes.number::<1>(4)? == 2 && bytes.number::<1>(5)? == 1,
        "it is no 64-bit little-endian library"
    );
    ensure!(bytes.number::<2>(18)? == 62, "it is for another processor than x86-64");
    let (table, size, count) = (bytes.number::<8>(32)?, bytes.number::<2>(54)?, bytes.number::<2>(56)?);
    let mut segments = Vec::new();
    for n in 0..count {
        let at = table.saturating_add(n * size);
        let field = |offset: u64| bytes.number::<8>(at.saturating_add(offset));
        segments.push((bytes.number::<4>(at)?, field(8)?, field(16)?, field(32)?));
    }
    // The file offset of an address.
    let place = |address: u64| {
        let segment = segments
            .iter()
            .find(|(kind, _, start, length)| *kind == LOAD && address >= *start && address - start < *length);
        segment
            .and_then(|(_, offset, start, _)| offset.checked_add(address - start))
            .context("an address in it is nowhere")
    };
    let Some((_, dynamic, _, length)) = segments.iter().find(|(kind, ..)| *kind == DYNAMIC) else {
        bail!("it has no dynamic section, so no loader takes it");
    };
    let (mut names, mut strings, mut versions, mut version_count) = (Vec::new(), None, None, 0);
    for n in 0..length / 16 {
        let at = dynamic.saturating_add(16 * n);
        let (tag, value) = (bytes.number::<8>(at)?, bytes.number::<8>(at.saturating_add(8))?);
        match tag {
            0 => break,
            NEEDED => names.push(value),
            STRINGS => strings = Some(place(value)?),
            VERSIONS => versions = Some(place(value)?),
            VERSION_COUNT => version_count = value,
            _ => {}
        }
    }
    let strings = strings.context("it has no table of names")?;
    let name = |offset: u64| bytes.text(strings.saturating_add(offset));
    let mut needs = Needs { libraries: Vec::new(), versions: Vec::new() };
    for offset in names {
        needs.libraries.push(name(offset)?);
    }
    let Some(mut at) = versions else { return Ok(needs) };
    for _ in 0..version_count {
        let (count, library) =
            (bytes.number::<2>(at.saturating_add(2))?, name(bytes.number::<4>(at.saturating_add(4))?)?);
        let mut entry = at.saturating_add(bytes.number::<4>(at.saturating_add(8))?);
        for _ in 0..count {
            let version = name(bytes.number::<4>(entry.saturating_add(8))?)?;
            needs.versions.push(Version { library: library.clone(), name: version });
            entry = entry.saturating_add(bytes.number::<4>(entry.saturating_add(12))?);
        }
        at = at.saturating_add(bytes.number::<4>(at.saturating_add(12))?);
    }
    needs.versions.sort();
    needs.versions.dedup();
    Ok(needs)
}
