//! A step of an installation or a removal.

use std::borrow::Cow;

use hart_sqlhost::hex;

use super::archive::Archive;
use super::text::literal;

/// Archive bytes per statement: a line of some 8,000 characters, which every tool can read.
const LINE: usize = 4096;
/// Statements per batch.
const LINES: usize = 16;

/// The possible answers of a step's check.
pub mod state {
    /// Everything is as the step would leave it.
    pub const SAME: &str = "same";
    /// Nothing of it exists.
    pub const MISSING: &str = "missing";
    /// Another version exists.
    pub const DIFFERS: &str = "differs";
    /// It exists without our mark: a script of sql/ made it, in an unknown version.
    pub const UNMARKED: &str = "unmarked";
    /// Something with that name exists that is not ours.
    pub const FOREIGN: &str = "foreign";
}

/// A step: done in one transaction, or not at all.
pub struct Step {
    /// The subject of the step.
    pub name: &'static str,
    /// A SELECT that returns one word of [`state`].
    pub check: String,
    /// Why the step refuses if the state is foreign, and what to do about it.
    pub refusal: String,
    /// A SELECT of the names of the foreign objects.
    pub in_the_way: Option<String>,
    /// Content to send before the transaction begins.
    pub content: Vec<Archive>,
    /// Batches within the transaction.
    pub statements: Vec<String>,
    /// Whether the statements may be in a transaction.
    pub transaction: bool,
}

impl Step {
    /// The batches before the transaction, which fill the temporary table of the content. They are generated one by
    /// one, because together they take several times the archive's size.
    pub fn preparation(&self) -> impl Iterator<Item = Cow<'static, str>> + '_ {
        let table = (!self.content.is_empty()).then_some(Cow::Borrowed(
            "DROP TABLE IF EXISTS #hart_content;\n\
             CREATE TABLE #hart_content (platform nvarchar(60) PRIMARY KEY, content varbinary(max) NOT NULL);\n",
        ));
        table.into_iter().chain(self.content.iter().flat_map(|archive| {
            let platform = literal(archive.platform.word());
            let row =
                Cow::Owned(format!("INSERT #hart_content (platform, content) VALUES ({platform}, 0x);\n"));
            let pieces = archive.bytes.chunks(LINE * LINES).map(move |batch| {
                let mut sql = String::with_capacity(2 * batch.len() + 100 * LINES);
                sql.push_str("SET NOCOUNT ON;\n");
                for line in batch.chunks(LINE) {
                    sql.push_str("UPDATE #hart_content SET content.WRITE(");
                    sql.push_str(&hex::literal(line));
                    sql.push_str(", NULL, 0) WHERE platform = ");
                    sql.push_str(&platform);
                    sql.push_str(";\n");
                }
                Cow::Owned(sql)
            });
            std::iter::once(row).chain(pieces)
        }))
    }

    /// Describes what the preparation sends.
    pub fn content(&self) -> impl Iterator<Item = String> + '_ {
        self.content.iter().map(|a| {
            format!("{} bytes for {}, SHA-256 {}", a.bytes.len(), a.platform.word(), a.hash.to_lowercase())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::Platform;
    use super::*;

    /// What the preparation's batches assemble on the server.
    #[test]
    fn content_is_sent_whole() {
        let bytes: Vec<u8> = (0..LINE * LINES + LINE + 17).map(|i| (i % 251) as u8).collect();
        let archive =
            |platform, bytes: Vec<u8>| Archive { platform, hash: String::new(), bytes: bytes.into() };
        let step = Step {
            name: "",
            check: String::new(),
            refusal: String::new(),
            in_the_way: None,
            content: vec![archive(Platform::Windows, bytes.clone()), archive(Platform::Linux, vec![7; 3])],
            statements: Vec::new(),
            transaction: true,
        };
        let mut sent = [String::new(), String::new()];
        for batch in step.preparation() {
            for line in batch.lines().filter(|l| l.starts_with("UPDATE ")) {
                assert!(line.len() < 8300);
                let (_, rest) = line.split_once("WRITE(0x").unwrap();
                let (digits, rest) = rest.split_once(", NULL, 0) WHERE platform = N'").unwrap();
                sent[usize::from(rest == "LINUX';")].push_str(digits);
            }
        }
        assert_eq!(sent[0], hex::literal(&bytes)[2..]);
        assert_eq!(sent[1], "070707");
    }
}
