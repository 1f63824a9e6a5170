//! The steps of an installation: one list, which `hart script` writes and `hart deploy` runs.

use crate::tsql::{self, MARK, SCHEMA, TABLE_TYPES, row_type};
use hart_kernels::registry::KERNELS;

use super::archive::Archive;
use super::language::{self, LANGUAGE};
use super::step::{Step, state};
use super::text::{batches, literal, sha256};

/// Role whose members may call the wrappers.
pub const ROLE: &str = "hart_caller";

const CORE: &str = include_str!("../../../../sql/install/core.sql");
const PERMISSIONS: &str = include_str!("../../../../sql/install/permissions.sql");
/// A search with a known answer.
pub const CHECK: &str = include_str!("../../../../sql/install/check.sql");

/// Prevents concurrent installations. The lock ends with the session.
pub const LOCK: &str = "DECLARE @result int;
EXEC @result = sp_getapplock @Resource = N'hart installation', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = 10000;
IF @result < 0
    THROW 59918, N'another installation of hart is at work in this database; wait for its end', 1;
";
/// Begins the transaction of a step. Procedures store the first two settings.
pub const BEGIN: &str = "SET QUOTED_IDENTIFIER, ANSI_NULLS, XACT_ABORT ON;\nBEGIN TRANSACTION;\n";
/// Commits it.
pub const COMMIT: &str = "COMMIT TRANSACTION;\n";
/// Rolls it back, if it is still open.
pub const ROLLBACK: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n";

/// What to install.
pub struct Plan {
    /// Archives, one per platform.
    pub archives: Vec<Archive>,
    /// PARAMETERS of the language; `None` leaves them as they are.
    pub parameters: Option<String>,
    /// ENVIRONMENT_VARIABLES of the language, a JSON object; `None` leaves them as they are.
    pub environment: Option<String>,
    /// Whether to allow external scripts on the instance.
    pub enable: bool,
    /// Further steps.
    pub additions: Vec<Step>,
}

impl Plan {
    /// The steps in order.
    pub fn into_steps(self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.enable {
            steps.push(enable());
        }
        steps.extend([
            language::step(&self.archives, self.parameters.as_deref(), self.environment.as_deref()),
            core(),
            wrappers(),
            role(),
            version(),
        ]);
        steps.extend(self.additions);
        steps
    }
}

fn enable() -> Step {
    Step {
        name: "external scripts",
        check: "SELECT CASE WHEN EXISTS (SELECT * FROM sys.configurations WHERE name = N'external scripts enabled' \
                AND CAST(value_in_use AS int) = 1) THEN N'same' ELSE N'missing' END AS [state];\n"
            .into(),
        refusal: String::new(),
        in_the_way: None,
        content: Vec::new(),
        statements: vec![ENABLE.into()],
        // RECONFIGURE is not allowed in one.
        transaction: false,
    }
}

/// Allows external scripts on the instance.
pub const ENABLE: &str = "EXEC sp_configure N'external scripts enabled', 1;\nRECONFIGURE WITH OVERRIDE;\n";

/// The value of one of our properties of the schema: the hash of what a step installed, or the version.
fn property(name: &str) -> String {
    format!(
        "(SELECT CAST(value AS nvarchar(64)) FROM sys.extended_properties WHERE class_desc = N'SCHEMA' \
         AND major_id = SCHEMA_ID(N'{SCHEMA}') AND name = {name})"
    )
}

fn set_property(name: &str, value: &str) -> String {
    format!(
        "IF {} IS NULL\n    EXEC sys.sp_addextendedproperty @name = {name}, @value = N'{value}', \
         @level0type = N'SCHEMA', @level0name = N'{SCHEMA}';\nELSE\n    EXEC sys.sp_updateextendedproperty \
         @name = {name}, @value = N'{value}', @level0type = N'SCHEMA', @level0name = N'{SCHEMA}';\n",
        property(name)
    )
}

/// The condition that this key's property is not set: this program has installed nothing under it.
pub fn is_unmarked(key: &str) -> String {
    format!("{} IS NULL", property(&mark(key)))
}

/// Removes the property of a key.
pub fn drop_mark(key: &str) -> String {
    let name = mark(key);
    format!(
        "IF {} IS NOT NULL\n    EXEC sys.sp_dropextendedproperty @name = {name}, @level0type = N'SCHEMA', \
         @level0name = N'{SCHEMA}';\n",
        property(&name)
    )
}

/// The property's name as a literal.
fn mark(key: &str) -> String {
    literal(&format!("{SCHEMA}.{key}"))
}

/// Objects in the way of a step: they have its names but are not ours.
pub struct Foreign {
    /// Whether there are any.
    pub condition: String,
    /// A SELECT of their names.
    pub names: String,
    /// Why the step then refuses, and what to do.
    pub refusal: String,
}

/// A step over objects, whose state is a property of the schema: the hash of the statements.
#[derive(Default)]
pub struct Marked {
    /// The subject of the step.
    pub name: &'static str,
    /// The property, without the schema's name as prefix.
    pub key: String,
    /// The condition that some of it does not exist.
    pub missing: String,
    /// The condition that another version exists, whatever the property says.
    pub differs: Option<String>,
    /// Objects that must not be replaced.
    pub foreign: Option<Foreign>,
    /// The statements of the step.
    pub statements: Vec<String>,
    /// The property's value, if it is not the hash of the statements.
    pub value: Option<String>,
}

impl Marked {
    /// The step; it also checks for foreign objects within its transaction.
    pub fn step(self) -> Step {
        let value = self.value.unwrap_or_else(|| sha256(self.statements.concat().as_bytes()));
        let key = mark(&self.key);
        let when = |condition: &str, state: &str| format!("    WHEN {condition} THEN N'{state}'\n");
        let foreign = self.foreign.as_ref().map_or(String::new(), |f| when(&f.condition, state::FOREIGN));
        let differs = self.differs.map_or(String::new(), |d| when(&d, state::DIFFERS));
        let check = format!(
            "SELECT CASE\n{foreign}{}{}{differs}    WHEN {} = N'{value}' THEN N'same'\n    ELSE N'differs'\nEND AS [state];\n",
            when(&self.missing, state::MISSING),
            when(&is_unmarked(&self.key), state::UNMARKED),
            property(&key)
        );
        let mut statements = Vec::new();
        if let Some(foreign) = &self.foreign {
            statements.push(format!(
                "IF {}\n    THROW 59917, {}, 1;\n",
                foreign.condition,
                literal(&foreign.refusal)
            ));
        }
        statements.extend(self.statements);
        statements.push(set_property(&key, &value));
        let (refusal, in_the_way) =
            self.foreign.map_or((String::new(), None), |f| (f.refusal, Some(f.names)));
        Step {
            name: self.name,
            check,
            refusal,
            in_the_way,
            content: Vec::new(),
            statements,
            transaction: true,
        }
    }
}

/// Procedures of the core, each with a piece of text that every version contains.
pub const CORE_PROCEDURES: [(&str, &str); 2] =
    [("PrepareSource", "THROW 59901"), ("RethrowKernelError", " [hart error ")];

fn core() -> Step {
    let missing = CORE_PROCEDURES.map(|(name, _)| format!("OBJECT_ID(N'{SCHEMA}.{name}', N'P') IS NULL"));
    let other = CORE_PROCEDURES.map(|(name, piece)| {
        format!(
            "(o.name = {} AND CHARINDEX({}, COALESCE(m.definition, N'')) = 0)",
            literal(name),
            literal(piece)
        )
    });
    Marked {
        name: "core",
        key: "core".into(),
        missing: missing.join(" OR "),
        foreign: Some(objects_in_the_way(
            &other.join(" OR "),
            "the schema hart has an object under the name of a procedure of the core that is none of ours; it is not \
             touched: rename or move it",
        )),
        statements: batches(CORE),
        ..Marked::default()
    }
    .step()
}

/// Objects o of our schema, with their modules m, that meet a condition.
fn objects_in_the_way(condition: &str, refusal: &str) -> Foreign {
    let from = format!(
        "FROM sys.objects AS o LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id \
         WHERE o.schema_id = SCHEMA_ID(N'{SCHEMA}') AND ({condition})"
    );
    Foreign {
        condition: format!("EXISTS (SELECT * {from})"),
        names: format!("SELECT CONCAT(N'{SCHEMA}.', o.name) {from} ORDER BY 1;\n"),
        refusal: refusal.into(),
    }
}

/// Whether the module `m` is a wrapper of some version of ours, by the mark in the first line of its text.
pub fn is_wrapper() -> String {
    let mark = MARK.trim();
    format!("CHARINDEX({}, LEFT(m.definition, {})) > 0", literal(mark), mark.chars().count() + 8)
}

/// Whether a table type exists with columns that differ from this version's.
fn other_columns() -> String {
    let types = TABLE_TYPES.iter().map(|table| {
        let columns: Vec<String> =
            table.columns.iter().map(|(name, kind)| format!("{name} {}", row_type(*kind))).collect();
        format!("(t.name = {} AND c.list <> {})", literal(table.name), literal(&columns.join(", ")))
    });
    format!(
        "EXISTS (SELECT * FROM sys.table_types AS t CROSS APPLY (SELECT STRING_AGG(CONCAT(c.name, N' ', y.name, \
         CASE WHEN LEFT(y.name, 3) = N'var' THEN CONCAT(N'(', COALESCE(CAST(NULLIF(c.max_length, -1) AS nvarchar(10)), N'max'), N')') END), N', ') \
         WITHIN GROUP (ORDER BY c.column_id) AS list FROM sys.columns AS c \
         JOIN sys.types AS y ON y.user_type_id = c.user_type_id WHERE c.object_id = t.type_table_object_id) AS c WHERE t.schema_id = SCHEMA_ID(N'{SCHEMA}') AND ({}))",
        types.collect::<Vec<_>>().join(" OR ")
    )
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
    let foreign = objects_in_the_way(
        &format!("o.name IN ({list}) AND (m.definition IS NULL OR NOT {})", is_wrapper()),
        "the schema hart has an object under the name of a wrapper that is none of ours; it is not touched: rename or \
         move it",
    );
    let drop_types: String =
        TABLE_TYPES.iter().map(|t| format!("    DROP TYPE IF EXISTS [{SCHEMA}].[{}];\n", t.name)).collect();
    let mut statements = vec![format!(
        "-- Wrappers of kernels that this version does not have; all, where a table type that they take has changed.\n\
         DECLARE @changed bit = CASE WHEN {} THEN 1 ELSE 0 END;\n\
         DECLARE @statement nvarchar(max) = N'';\n\
         SELECT @statement = @statement + N'DROP PROCEDURE [{SCHEMA}].' + QUOTENAME(p.name) + N';'\n\
         FROM sys.procedures AS p JOIN sys.sql_modules AS m ON m.object_id = p.object_id\n\
         WHERE p.schema_id = SCHEMA_ID(N'{SCHEMA}') AND {} AND (@changed = 1 OR p.name NOT IN ({list}));\n\
         EXEC sys.sp_executesql @statement;\n\
         IF @changed = 1\nBEGIN\n{drop_types}END;\n",
        other_columns(),
        is_wrapper()
    )];
    for (name, text) in tsql::files() {
        if name != "all.sql" && name != "drop.sql" {
            statements.extend(batches(&text));
        }
    }
    Marked {
        name: "wrappers",
        key: "wrappers".into(),
        missing,
        differs: Some(other_columns()),
        foreign: Some(foreign),
        statements,
        ..Marked::default()
    }
    .step()
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
        granted(&format!(
            "permission_name = N'EXECUTE EXTERNAL SCRIPT' AND major_id = \
             (SELECT external_language_id FROM sys.external_languages WHERE language = N'{LANGUAGE}')"
        ))
    );
    let user = format!("FROM sys.database_principals WHERE name = N'{ROLE}' AND type <> 'R'");
    Marked {
        name: "role",
        key: "role".into(),
        missing,
        foreign: Some(Foreign {
            condition: format!("EXISTS (SELECT * {user})"),
            names: format!("SELECT name {user};\n"),
            refusal:
                "the database has a user hart_caller, which is the name of the role of those who may call: \
                      rename the user"
                    .into(),
        }),
        statements: batches(PERMISSIONS),
        ..Marked::default()
    }
    .step()
}

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version's mark, set last: it gives the version of all steps before it.
fn version() -> Step {
    Marked {
        name: "version",
        key: "version".into(),
        missing: format!("SCHEMA_ID(N'{SCHEMA}') IS NULL"),
        value: Some(VERSION.into()),
        ..Marked::default()
    }
    .step()
}

#[cfg(test)]
mod tests {
    use super::super::archive::Platform;
    use super::*;

    fn archive(platform: Platform, bytes: Vec<u8>) -> Archive {
        Archive { platform, hash: sha256(&bytes), bytes: bytes.into() }
    }

    #[test]
    fn texts_of_users_are_quoted() {
        let archives = vec![archive(Platform::Linux, vec![1])];
        let plan = Plan {
            archives,
            parameters: Some("a'; DROP TABLE t; --".into()),
            environment: Some("{\"A\": \"it's\"}".into()),
            enable: true,
            additions: Vec::new(),
        };
        let steps = plan.into_steps();
        assert_eq!(
            steps.iter().map(|s| s.name).collect::<Vec<_>>(),
            ["external scripts", "language", "core", "wrappers", "role", "version"]
        );
        assert!(steps[1].statements[0].contains("= N'a''; DROP TABLE t; --';"));
        assert!(steps[1].check.contains("= N'a''; DROP TABLE t; --' COLLATE Latin1_General_100_BIN2"));
        assert!(steps[1].statements[0].contains("@environment nvarchar(4000) = N'{\"A\": \"it''s\"}';"));
        let plan = Plan {
            archives: vec![archive(Platform::Linux, vec![1])],
            parameters: Some("a {environment} {state}".into()),
            environment: Some("{}".into()),
            enable: false,
            additions: Vec::new(),
        };
        let language = plan.into_steps().remove(0);
        assert!(language.statements[0].contains("@parameters nvarchar(4000) = N'a {environment} {state}';"));
        assert!(steps[1].check.contains("= N'{\"A\": \"it''s\"}' COLLATE Latin1_General_100_BIN2"));
    }

    /// These pieces identify an installed procedure as ours.
    #[test]
    fn procedures_of_the_core_have_their_pieces() {
        for (name, piece) in CORE_PROCEDURES {
            let start = format!("CREATE OR ALTER PROCEDURE [{SCHEMA}].[{name}]");
            let batch = batches(CORE).into_iter().find(|b| b.contains(&start)).unwrap();
            assert!(batch.contains(piece), "{name}");
        }
        let columns = other_columns();
        assert!(columns.contains("c.list <> N'id bigint, a varbinary(max), b varbinary(max)'"), "{columns}");
    }

    /// A batch that creates a procedure has only comments before it; a GO within would split a procedure.
    #[test]
    fn each_procedure_is_a_batch() {
        let plan = Plan {
            archives: vec![archive(Platform::Linux, vec![1])],
            parameters: None,
            environment: None,
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
