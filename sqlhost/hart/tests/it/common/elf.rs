//! Small ELF files with as much in them as says what a library needs.

/// A library for x86-64 that needs these libraries, and of each these versions.
pub fn library(needs: &[(&str, &[&str])]) -> Vec<u8> {
    let mut strings = vec![0];
    let mut name = |text: &str| {
        let at = strings.len() as u32;
        strings.extend(text.bytes().chain([0]));
        at
    };
    let mut dynamic: Vec<(u64, u64)> = Vec::new();
    let mut versions: Vec<u8> = Vec::new();
    for (n, (library, wanted)) in needs.iter().enumerate() {
        let library = name(library);
        dynamic.push((1, library.into()));
        let last = n + 1 == needs.len();
        let next = if last { 0 } else { 16 + 16 * wanted.len() as u32 };
        versions.extend([1, 0]);
        versions.extend((wanted.len() as u16).to_le_bytes());
        versions.extend([library, 16, next].map(u32::to_le_bytes).concat());
        for (m, version) in wanted.iter().enumerate() {
            let next = if m + 1 == wanted.len() { 0 } else { 16 };
            versions.extend([0; 8]);
            versions.extend([name(version), next].map(u32::to_le_bytes).concat());
        }
    }
    // Header, two program headers, then the three tables. Addresses are places plus 4096.
    let (header, program) = (64u64, 56u64);
    let strings_at = header + 2 * program;
    let versions_at = strings_at + strings.len() as u64;
    let dynamic_at = versions_at + versions.len() as u64;
    dynamic.extend([
        (5, strings_at + 4096),
        (0x6fff_fffe, versions_at + 4096),
        (0x6fff_ffff, needs.len() as u64),
        (0, 0),
    ]);
    let length = dynamic_at + 16 * dynamic.len() as u64;
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    out.extend([3u16, 62].map(u16::to_le_bytes).concat());
    out.extend(1u32.to_le_bytes());
    out.extend([0, header, 0].map(u64::to_le_bytes).concat());
    out.extend(0u32.to_le_bytes());
    out.extend([64u16, 56, 2, 0, 0, 0].map(u16::to_le_bytes).concat());
    for (kind, at, size) in [(1u32, 0, length), (2, dynamic_at, 16 * dynamic.len() as u64)] {
        out.extend([kind, 4].map(u32::to_le_bytes).concat());
        out.extend([at, at + 4096, at + 4096, size, size, 8].map(u64::to_le_bytes).concat());
    }
    out.extend(strings);
    out.extend(versions);
    dynamic.iter().for_each(|(tag, value)| out.extend([*tag, *value].map(u64::to_le_bytes).concat()));
    assert_eq!(out.len() as u64, length);
    out
}
