//! Texts of a server's columns.

use std::sync::Arc;

use crate::tds::world::{World, fails, stdout};
use crate::tds::{Answer, Cell, Type};

/// A server sends varchar in the code page of its collation, but in UTF-16 if the collation is a UTF-8 one and the client has not
/// asked for UTF-8.
#[test]
fn texts_of_collations() {
    // LCID, what the collation ignores, 0x04 in the last byte but one for UTF-8, and the sort order of collations named SQL_.
    const LATIN: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0];
    const LATIN_UTF8: [u8; 5] = [0x09, 0x04, 0xD0, 0x24, 0];
    const HINDI_UTF8: [u8; 5] = [0x39, 0x04, 0xD0, 0x24, 0];
    const SQL_LATIN: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 52];
    const CZECH: [u8; 5] = [0x05, 0x04, 0xD0, 0x00, 0];
    const JAPANESE: [u8; 5] = [0x11, 0x04, 0xD0, 0x00, 0];
    const SQL_850: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 42];
    let narrow = |collation| Type::Collated { wide: false, collation };
    let wide = |collation| Type::Collated { wide: true, collation };
    let cases = [
        ("utf8 ascii", wide(LATIN_UTF8), Cell::Text("plain".into()), "plain"),
        ("utf8", wide(LATIN_UTF8), Cell::Text("Grüße, 日本 🦀".into()), "Grüße, 日本 🦀"),
        ("hindi", wide(HINDI_UTF8), Cell::Text("नमस्ते".into()), "नमस्ते"),
        ("latin ascii", narrow(LATIN), Cell::Bytes(b"plain".to_vec()), "plain"),
        ("latin", narrow(LATIN), Cell::Bytes(b"Gr\xFC\xDFe \x80".to_vec()), "Grüße €"),
        ("sql latin", narrow(SQL_LATIN), Cell::Bytes(b"\xC3\xA9".to_vec()), "Ã©"),
        ("czech", narrow(CZECH), Cell::Bytes(b"\xF8".to_vec()), "ř"),
        ("japanese", narrow(JAPANESE), Cell::Bytes(b"\x93\xFA\x96{".to_vec()), "日本"),
    ];
    let refused = ("old", narrow(SQL_850), Cell::Bytes(b"\x81".to_vec()));
    let (sent, broken) = (cases.clone(), refused.clone());
    let world = World::with(Arc::default(), move |sql| {
        let mut columns = vec![("v", Type::Bytes)];
        let mut row = vec![Cell::Bytes(vec![0; 4])];
        for (name, column, cell, _) in &sent {
            columns.push((name, *column));
            row.push(cell.clone());
        }
        match sql {
            "rows" => Answer::Table(columns, vec![row]),
            "old" => {
                columns[2] = (broken.0, broken.1);
                row[2] = broken.2.clone();
                Answer::Table(columns[..3].to_vec(), vec![row[..3].to_vec()])
            }
            _ => Answer::Done,
        }
    });
    let run = |query: &str, more: &[&str]| {
        let all = ["run", "vector_norm", "--in-process", "--query", query, "--format", "json"];
        world.hart(&[&all[..], more].concat())
    };
    let carried: Vec<&str> = cases.iter().flat_map(|(name, ..)| ["--carry", name]).collect();
    let found: Vec<serde_json::Value> = serde_json::from_str(&stdout(&run("rows", &carried))).unwrap();
    for (name, _, _, text) in &cases {
        assert_eq!(found[0][name], *text, "{name}");
    }
    // A code page that the client does not know: no text is better than a wrong one.
    fails(&run("old", &[]), &["row 1", "column old", "code page", "CAST(… AS nvarchar(max))"]);
}
