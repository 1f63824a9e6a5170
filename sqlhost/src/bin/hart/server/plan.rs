//! The steps of an installation: one list, which `hart script` writes down and `hart deploy` carries out.

use std::borrow::Cow;

use hart_kernels::registry::KERNELS;
use hart_sqlhost::tsql::{self, MARK, SCHEMA, TABLE_TYPES};

use super::archive::{Archive, Platform};
use super::text::{batches, hexadecimal, literal, sha256};

/// Name of the external language.
pub const LANGUAGE: &str = "hart";
/// Role whose members may call the wrappers.
pub const ROLE: &str = "hart_caller";

const CORE: &str = include_str!("../../../../../sql/install/core.sql");
const PERMISSIONS: &str = include_str!("../../../../../sql/install/permissions.sql");
/// A search whose answer is known.
pub const CHECK: &str = include_str!("../../../../../sql/install/check.sql");

/// Bytes of the archive in one statement: a line of some 8,000 characters, which every tool can read.
const LINE: usize = 4096;
/// Statements in one batch.
const LINES: usize = 16;

/// Only one installation at a time. The lock goes with the session.
pub const LOCK: &str = "DECLARE @result int;
EXEC @result = sp_getapplock @Resource = N'hart installation', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 10000;
IF @result < 0
    THROW 59918, N'another installation of hart is at work in this database; wait for its end', 1;
";
/// Begins the transaction of a step. Procedures keep the first two settings, which sqlcmd has off if it is not told
/// otherwise, and with which methods of spatial types and indexed views would fail.
pub const BEGIN: &str =
    "SET QUOTED_IDENTIFIER ON;\nSET ANSI_NULLS ON;\nSET XACT_ABORT ON;\nBEGIN TRANSACTION;\n";
/// Ends it.
pub const COMMIT: &str = "COMMIT TRANSACTION;\n";
/// Undoes it, where there is still something to undo.
pub const ROLLBACK: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n";

/// What a step's check may answer.
pub mod state {
    /// Everything is as the step would leave it.
    pub const SAME: &str = "same";
    /// Nothing of it is there.
    pub const MISSING: &str = "missing";
    /// Another version is there.
    pub const DIFFERS: &str = "differs";
    /// Something of the name is there that is not ours.
    pub const FOREIGN: &str = "foreign";
}

/// A step: done in one transaction, or not at all.
pub struct Step {
    /// What the step is about.
    pub name: &'static str,
    /// A SELECT of one word of [`state`].
    pub check: String,
    /// Why the step refuses where the state is foreign.
    pub foreign: &'static str,
    /// Content to send before the transaction begins.
    content: Vec<Archive>,
    /// Batches within the transaction.
    pub statements: Vec<String>,
    /// Whether the statements may be in a transaction.
    pub transaction: bool,
}

impl Step {
    /// The batches before the transaction: they fill the temporary table of the content. Made one by one, since all of
    /// them together take several times the archive.
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
                    sql.push_str(&hexadecimal(line));
                    sql.push_str(", NULL, 0) WHERE platform = ");
                    sql.push_str(&platform);
                    sql.push_str(";\n");
                }
                Cow::Owned(sql)
            });
            std::iter::once(row).chain(pieces)
        }))
    }

    /// What the preparation sends, in words.
    pub fn content(&self) -> impl Iterator<Item = String> + '_ {
        self.content.iter().map(|a| {
            format!("{} bytes for {}, SHA-256 {}", a.bytes.len(), a.platform.word(), a.hash.to_lowercase())
        })
    }
}

/// What to install.
pub struct Plan {
    /// Archives, one for a platform.
    pub archives: Vec<Archive>,
    /// PARAMETERS of the language; `None` leaves them as they are.
    pub parameters: Option<String>,
    /// Whether to allow external scripts on the instance.
    pub enable: bool,
    /// Steps that follow.
    pub additions: Vec<Step>,
}

impl Plan {
    /// The steps in their order.
    pub fn into_steps(self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.enable {
            steps.push(enable());
        }
        steps.extend([self.language(), core(), wrappers(), role()]);
        steps.extend(self.additions);
        steps
    }

    fn language(&self) -> Step {
        let parameters = self.parameters.as_deref().map_or("NULL".into(), literal);
        let same = self.archives.iter().map(|a| {
            let parameters = match &self.parameters {
                Some(p) => format!(" AND COALESCE(f.parameters, N'') = {}", literal(p)),
                None => String::new(),
            };
            format!(
                "(f.platform_desc = {} AND HASHBYTES('SHA2_256', f.content) = 0x{}{parameters})",
                literal(a.platform.word()),
                a.hash
            )
        });
        let same = same.collect::<Vec<_>>().join(" OR ");
        // Without archives there is nothing that it could be the same as.
        let same = if same.is_empty() { "1 = 0".into() } else { same };
        let count = self.archives.len().max(1);
        let state = format!(
            "CASE\n    WHEN NOT EXISTS (SELECT * FROM sys.external_languages WHERE language = N'{LANGUAGE}') THEN N'missing'\n    \
             WHEN {} THEN N'foreign'\n    \
             WHEN (SELECT COUNT(*) FROM {FILES} WHERE {same}) = {count} THEN N'same'\n    \
             ELSE N'differs'\nEND",
            foreign_language()
        );
        let files = self.archives.iter().map(|a| {
            format!("({}, {}, 0x{})", literal(a.platform.word()), literal(a.platform.file_name()), a.hash)
        });
        let statement = LANGUAGE_STATEMENT
            .replace("{state}", &state)
            .replace("{given}", &files.collect::<Vec<_>>().join(", "))
            .replace("{parameters}", &parameters);
        Step {
            name: "language",
            check: format!("SELECT {state} AS [state];\n"),
            foreign: "this database has an external language hart that is not this library (or its files cannot be seen \
                      by this login); it is not touched: DROP EXTERNAL LANGUAGE [hart]; if nobody needs it",
            content: self.archives.clone(),
            statements: vec![statement],
            transaction: true,
        }
    }
}

/// The files of our language.
const FILES: &str = "sys.external_languages AS l JOIN sys.external_language_files AS f \
                     ON f.external_language_id = l.external_language_id AND l.language = N'hart'";

/// Whether the language is not ours: the condition of sql/install, and true as well where the files cannot be seen.
pub fn foreign_language() -> String {
    let names: Vec<String> = Platform::ALL.iter().map(|p| literal(p.file_name())).collect();
    format!(
        "EXISTS (SELECT * FROM sys.external_languages AS l LEFT JOIN sys.external_language_files AS f \
         ON f.external_language_id = l.external_language_id WHERE l.language = N'{LANGUAGE}' \
         AND (f.file_name IS NULL OR f.file_name NOT IN ({})))",
        names.join(", ")
    )
}

/// Makes the language, anew where it is there: ALTER EXTERNAL LANGUAGE takes no parameters on some versions. A platform
/// that is not given keeps its file, and all keep their settings; rights on the language are granted again.
const LANGUAGE_STATEMENT: &str = "SET NOCOUNT ON;
DECLARE @state nvarchar(20) = {state};
IF @state = N'foreign'
    THROW 59912, N'this database has an external language hart that is not this library; nothing was changed', 1;
IF @state <> N'same'
BEGIN
    DECLARE @parameters nvarchar(4000) = {parameters};
    DECLARE @given TABLE (platform nvarchar(60), file_name nvarchar(266), hash varbinary(32));
    INSERT @given (platform, file_name, hash) VALUES {given};
    IF EXISTS (SELECT * FROM @given AS g LEFT JOIN #hart_content AS c ON c.platform = g.platform COLLATE DATABASE_DEFAULT
               WHERE c.platform IS NULL OR HASHBYTES('SHA2_256', c.content) <> g.hash)
        THROW 59916, N'the archive did not arrive whole; run the installation again', 1;
    DECLARE @files TABLE
    (
        platform nvarchar(60), file_name nvarchar(266), content varbinary(max), parameters nvarchar(4000), variables nvarchar(4000)
    );
    INSERT @files (platform, file_name, content, parameters, variables)
    SELECT f.platform_desc, f.file_name, f.content, f.parameters, f.environment_variables
    FROM sys.external_languages AS l
    JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
    WHERE l.language = N'hart';
    UPDATE o SET content = c.content
    FROM @files AS o JOIN #hart_content AS c ON c.platform = o.platform COLLATE DATABASE_DEFAULT;
    INSERT @files (platform, file_name, content, parameters)
    SELECT g.platform, g.file_name, c.content, (SELECT MAX(parameters) FROM @files)
    FROM @given AS g JOIN #hart_content AS c ON c.platform = g.platform COLLATE DATABASE_DEFAULT
    WHERE NOT EXISTS (SELECT * FROM @files AS o WHERE o.platform = g.platform);

    DECLARE @statement nvarchar(max), @grants nvarchar(max) = N'', @revokes nvarchar(max) = N'';
    DECLARE @language int = (SELECT external_language_id FROM sys.external_languages WHERE language = N'hart');
    SELECT @revokes = @revokes + N'REVOKE EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] FROM ' + QUOTENAME(g.name) + N' CASCADE;',
           @grants = @grants + CASE p.state WHEN 'D' THEN N'DENY' ELSE N'GRANT' END
               + N' EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[hart] TO ' + QUOTENAME(g.name)
               + CASE p.state WHEN 'W' THEN N' WITH GRANT OPTION;' ELSE N';' END
    FROM sys.database_permissions AS p
    JOIN sys.database_principals AS g ON g.principal_id = p.grantee_principal_id
    WHERE p.permission_name = N'EXECUTE EXTERNAL SCRIPT' AND p.major_id = @language;
    IF @language IS NOT NULL
    BEGIN
        EXEC sys.sp_executesql @revokes;
        EXEC (N'DROP EXTERNAL LANGUAGE [hart];');
    END;
    SELECT @statement = N'CREATE EXTERNAL LANGUAGE [hart] FROM '
        + STRING_AGG(N'(CONTENT = ' + CONVERT(nvarchar(max), content, 1)
            + N', FILE_NAME = N''' + file_name + N''', PLATFORM = ' + platform
            + COALESCE(N', PARAMETERS = N''' + REPLACE(NULLIF(COALESCE(@parameters, parameters), N''), N'''', N'''''') + N'''', N'')
            + COALESCE(N', ENVIRONMENT_VARIABLES = N''' + REPLACE(NULLIF(variables, N''), N'''', N'''''') + N'''', N'')
            + N')', N', ') WITHIN GROUP (ORDER BY platform DESC) + N';'
    FROM @files;
    EXEC sys.sp_executesql @statement;
    EXEC sys.sp_executesql @grants;
END;
DROP TABLE #hart_content;
";

fn enable() -> Step {
    Step {
        name: "external scripts",
        check: "SELECT CASE WHEN EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' \
                AND CAST(value_in_use AS int) = 1) THEN N'same' ELSE N'missing' END AS [state];\n"
            .into(),
        foreign: "",
        content: Vec::new(),
        statements: vec![ENABLE.into()],
        // RECONFIGURE refuses to run in one.
        transaction: false,
    }
}

/// Allows external scripts on the instance.
pub const ENABLE: &str = "EXEC sp_configure N'external scripts enabled', 1;\nRECONFIGURE WITH OVERRIDE;\n";

/// The value of one of our properties of the schema: the hash of what a step installed.
fn property(name: &str) -> String {
    format!(
        "(SELECT CAST(value AS nvarchar(64)) FROM sys.extended_properties WHERE class_desc = N'SCHEMA' \
         AND major_id = SCHEMA_ID(N'{SCHEMA}') AND name = {name})"
    )
}

fn set_property(name: &str, hash: &str) -> String {
    format!(
        "IF {} IS NULL\n    EXEC sys.sp_addextendedproperty @name = {name}, @value = N'{hash}', \
         @level0type = N'SCHEMA', @level0name = N'{SCHEMA}';\nELSE\n    EXEC sys.sp_updateextendedproperty \
         @name = {name}, @value = N'{hash}', @level0type = N'SCHEMA', @level0name = N'{SCHEMA}';\n",
        property(name)
    )
}

/// A step whose state is that of the property `key`, once what `missing` looks for is there.
pub fn step(
    name: &'static str,
    key: &str,
    missing: &str,
    foreign: Option<&str>,
    refusal: &'static str,
    statements: Vec<String>,
) -> Step {
    let hash = sha256(statements.concat().as_bytes());
    let key = literal(&format!("{SCHEMA}.{key}"));
    let foreign = foreign.map_or(String::new(), |f| format!("    WHEN {f} THEN N'foreign'\n"));
    let check = format!(
        "SELECT CASE\n{foreign}    WHEN {missing} THEN N'missing'\n    WHEN {} = N'{hash}' THEN N'same'\n    \
         ELSE N'differs'\nEND AS [state];\n",
        property(&key)
    );
    let mut statements = statements;
    statements.push(set_property(&key, &hash));
    Step { name, check, foreign: refusal, content: Vec::new(), statements, transaction: true }
}

fn core() -> Step {
    let missing = format!(
        "OBJECT_ID(N'{SCHEMA}.PrepareSource', N'P') IS NULL OR OBJECT_ID(N'{SCHEMA}.RethrowKernelError', N'P') IS NULL"
    );
    step("core", "core", &missing, None, "", batches(CORE))
}

/// Whether the module `m` is a wrapper of some version of ours: the mark is the first line of its text.
pub fn is_wrapper() -> String {
    let mark = MARK.trim();
    format!("LEFT(m.definition, {}) LIKE {}", mark.chars().count() + 8, literal(&format!("%{mark}%")))
}

fn wrappers() -> Step {
    let names: Vec<String> = KERNELS.iter().map(|k| literal(&k.sql_name())).collect();
    let types: Vec<String> = TABLE_TYPES.iter().map(|t| literal(t.name)).collect();
    let (list, types) = (names.join(", "), types.join(", "));
    let found = |table: &str| format!("FROM {table} WHERE schema_id = SCHEMA_ID(N'{SCHEMA}') AND name IN");
    let missing = format!(
        "(SELECT COUNT(*) {} ({list})) < {} OR (SELECT COUNT(*) {} ({types})) < {}",
        found("sys.procedures"),
        names.len(),
        found("sys.table_types"),
        TABLE_TYPES.len()
    );
    let foreign = format!(
        "EXISTS (SELECT * FROM sys.objects AS o LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id \
         WHERE o.schema_id = SCHEMA_ID(N'{SCHEMA}') AND o.name IN ({list}) AND (m.definition IS NULL OR NOT {}))",
        is_wrapper()
    );
    let mut statements = vec![format!(
        "IF {foreign}\n    THROW 59917, N'the schema {SCHEMA} has an object under the name of a wrapper that is none; \
         nothing was changed', 1;\n"
    )];
    statements.push(format!(
        "-- Wrappers of kernels that this version does not have.\n\
         DECLARE @statement nvarchar(max) = N'';\n\
         SELECT @statement = @statement + N'DROP PROCEDURE [{SCHEMA}].' + QUOTENAME(p.name) + N';'\n\
         FROM sys.procedures AS p JOIN sys.sql_modules AS m ON m.object_id = p.object_id\n\
         WHERE p.schema_id = SCHEMA_ID(N'{SCHEMA}') AND {} AND p.name NOT IN ({list});\n\
         EXEC sys.sp_executesql @statement;\n",
        is_wrapper()
    ));
    for (name, text) in tsql::files() {
        if name != "all.sql" && name != "drop.sql" {
            statements.extend(batches(&text));
        }
    }
    let refusal = "the schema hart has an object under the name of a wrapper that is none of ours; it is not touched: \
                   rename or move it";
    step("wrappers", "wrappers", &missing, Some(&foreign), refusal, statements)
}

fn role() -> Step {
    let granted = |what: &str| {
        format!(
            "EXISTS (SELECT * FROM sys.database_permissions WHERE grantee_principal_id = \
             DATABASE_PRINCIPAL_ID(N'{ROLE}') AND state IN ('G', 'W') AND {what})"
        )
    };
    let missing = format!(
        "NOT {} OR NOT {}",
        granted(&format!(
            "permission_name = N'EXECUTE' AND class_desc = N'SCHEMA' AND major_id = SCHEMA_ID(N'{SCHEMA}')"
        )),
        granted("permission_name = N'EXECUTE EXTERNAL SCRIPT'")
    );
    let foreign =
        format!("EXISTS (SELECT * FROM sys.database_principals WHERE name = N'{ROLE}' AND type <> 'R')");
    let refusal = "the database has a user hart_caller, which is the name of the role of those who may call: rename the user";
    step("role", "role", &missing, Some(&foreign), refusal, batches(PERMISSIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(platform: Platform, bytes: Vec<u8>) -> Archive {
        Archive { platform, hash: sha256(&bytes), bytes: bytes.into() }
    }

    /// What the batches of the preparation put together on the server.
    #[test]
    fn content_is_sent_whole() {
        let bytes: Vec<u8> = (0..LINE * LINES + LINE + 17).map(|i| (i % 251) as u8).collect();
        let plan = Plan {
            archives: vec![archive(Platform::Windows, bytes.clone()), archive(Platform::Linux, vec![7; 3])],
            parameters: None,
            enable: false,
            additions: Vec::new(),
        };
        let language = plan.into_steps().remove(0);
        let mut sent = [String::new(), String::new()];
        for batch in language.preparation() {
            for line in batch.lines().filter(|l| l.starts_with("UPDATE ")) {
                assert!(line.len() < 8300);
                let (_, rest) = line.split_once("WRITE(0x").unwrap();
                let (hex, rest) = rest.split_once(", NULL, 0) WHERE platform = N'").unwrap();
                sent[usize::from(rest == "LINUX';")].push_str(hex);
            }
        }
        assert_eq!(sent[0], hexadecimal(&bytes)[2..]);
        assert_eq!(sent[1], "070707");
    }

    #[test]
    fn texts_of_users_are_quoted() {
        let archives = vec![archive(Platform::Linux, vec![1])];
        let plan = Plan {
            archives,
            parameters: Some("a'; DROP TABLE t; --".into()),
            enable: true,
            additions: Vec::new(),
        };
        let steps = plan.into_steps();
        assert_eq!(
            steps.iter().map(|s| s.name).collect::<Vec<_>>(),
            ["external scripts", "language", "core", "wrappers", "role"]
        );
        assert!(steps[1].statements[0].contains("= N'a''; DROP TABLE t; --';"));
        assert!(steps[1].check.contains("= N'a''; DROP TABLE t; --'"));
    }

    /// A batch that creates a procedure holds nothing before it but comments; a GO within would cut a procedure in two.
    #[test]
    fn each_procedure_is_a_batch() {
        let plan = Plan {
            archives: vec![archive(Platform::Linux, vec![1])],
            parameters: None,
            enable: false,
            additions: Vec::new(),
        };
        let mut procedures = 0;
        for statement in plan.into_steps().iter().flat_map(|s| &s.statements) {
            let Some(at) = statement.find("CREATE OR ALTER PROCEDURE") else { continue };
            assert!(statement[..at].lines().all(|l| l.is_empty() || l.starts_with("--")), "{statement}");
            assert_eq!(statement.matches("CREATE OR ALTER PROCEDURE").count(), 1);
            procedures += 1;
        }
        assert_eq!(procedures, KERNELS.len() + 2);
    }
}
