//! `hart undeploy`: removes everything that `hart deploy` installed.

use std::io::Write;

use crate::tsql::{SCHEMA, TABLE_TYPES};
use anyhow::{Context, Result, bail};
use clap::Args;

use super::additions::{Addition, AdditionOptions};
use super::connection::ConnectionOptions;
use super::deploy::in_the_way;
use super::language::{self, LANGUAGE};
use super::plan::{self, CORE_PROCEDURES, ROLE, is_wrapper};
use super::session::text;
use super::step::{Step, state};
use super::survey::{self, Facts};
use super::text::literal;
use super::transaction::carry_out;

/// Options of `hart undeploy`.
#[derive(Args)]
pub struct UndeployOptions {
    /// Remove these additions too: with the rows of their tables in schema hart, without those of the application's tables
    #[arg(long, value_enum, value_name = "ADDITION", value_delimiter = ',')]
    with: Vec<Addition>,
    /// Schema of the functions
    #[arg(long, value_name = "SCHEMA", default_value = "dbo")]
    functions_schema: String,
    /// Print what would be run, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// Removes the installation, part by part.
pub fn undeploy(options: UndeployOptions) -> Result<()> {
    let additions = AdditionOptions::to_remove(options.with, options.functions_schema);
    let mut server = options.connection.connect()?;
    let facts = Facts::read(&mut server)?;
    if !facts.takes_languages() {
        bail!(
            "nothing was changed: {} {} takes no external languages, so there is nothing to remove",
            facts.edition,
            facts.version
        );
    }
    let mut out = std::io::stdout().lock();
    let note = if options.dry_run { "-- " } else { "" };
    if !options.dry_run {
        server.run(plan::LOCK).context("nothing was changed")?;
    }
    if survey::state(
        &mut server,
        &format!("SELECT CASE WHEN {} THEN N'foreign' ELSE N'same' END;\n", language::foreign_language()),
    )? == state::FOREIGN
    {
        bail!(
            "nothing was changed: the external language {LANGUAGE} of this database is not this library, or its files cannot be seen by this login"
        );
    }
    let others: Vec<String> = server
        .rows(others(&additions))?
        .iter()
        .map(|row| Ok(text(row, 0)?.to_string()))
        .collect::<Result<_>>()?;
    if !others.is_empty() {
        bail!(
            "nothing was changed: the schema {SCHEMA} also holds {}; drop or move them first (--with linked-search,\
             compressed-search,broker removes those of these additions)",
            others.join(", ")
        );
    }
    // Functions and procedures in other schemas do not block the removal, but their marks go with the schema.
    let mut staying = survey::marks(&mut server)?;
    staying.retain(|(key, _)| !STEPS.contains(&key.as_str()) && !additions.keys().contains(key));
    let mut parts = additions.removals();
    parts.extend(self::parts());
    let mut states = Vec::new();
    for part in &parts {
        let found = survey::state(&mut server, &part.check)?;
        if found == state::FOREIGN {
            bail!("nothing was changed: {}{}", part.refusal, in_the_way(&mut server, part)?);
        }
        states.push(found);
    }
    for (part, found) in parts.iter().zip(states) {
        if found == state::SAME {
            writeln!(out, "{note}{}: not there", part.name)?;
            continue;
        }
        if options.dry_run {
            writeln!(out, "-- {}", part.name)?;
            for batch in [plan::BEGIN]
                .into_iter()
                .chain(part.statements.iter().map(String::as_str))
                .chain([plan::COMMIT])
            {
                writeln!(out, "{}\nGO", batch.trim_end())?;
            }
            continue;
        }
        carry_out(&mut server, part)
            .map_err(|failure| failure.explain(&format!("the removal of {}", part.name), "`hart status`"))?;
        writeln!(out, "{}: removed", part.name)?;
    }
    for (key, _) in staying {
        writeln!(out, "{note}{key}: stays, as it was not named with --with")?;
    }
    Ok(())
}

/// Steps that are not additions.
const STEPS: [&str; 4] = ["core", "wrappers", "role", "version"];

fn list(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|n| literal(n.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Objects and types of the schema that are not ours.
fn others(additions: &AdditionOptions) -> String {
    let mut ours: Vec<String> = CORE_PROCEDURES.map(|(name, _)| name.to_string()).into();
    for addition in additions.sorted() {
        let objects = additions.removed(addition).into_iter().filter(|o| o.is_in_schema(SCHEMA));
        ours.extend(objects.map(|o| o.bare()));
    }
    let types: Vec<&str> = TABLE_TYPES.iter().map(|t| t.name).collect();
    format!(
        "SELECT o.name FROM sys.objects AS o LEFT JOIN sys.sql_modules AS m ON m.object_id = o.object_id\n\
         WHERE o.schema_id = SCHEMA_ID(N'{SCHEMA}') AND o.parent_object_id = 0 AND o.name NOT IN ({})\n    \
         AND NOT (m.definition IS NOT NULL AND {})\n\
         UNION ALL\n\
         SELECT t.name FROM sys.types AS t WHERE t.schema_id = SCHEMA_ID(N'{SCHEMA}') AND t.name NOT IN ({})\n\
         ORDER BY 1;\n",
        list(&ours),
        is_wrapper(),
        list(&types)
    )
}

/// The parts that every installation has.
fn parts() -> Vec<Step> {
    let gone = |exists: &str| {
        format!("SELECT CASE WHEN EXISTS ({exists}) THEN N'there' ELSE N'same' END AS [state];\n")
    };
    let in_schema = |table: &str, condition: &str| {
        format!("SELECT name FROM {table} WHERE schema_id = SCHEMA_ID(N'{SCHEMA}'){condition}")
    };
    let part = |name: &'static str, check: String, statements: Vec<String>| Step {
        name,
        check,
        refusal: String::new(),
        in_the_way: None,
        content: Vec::new(),
        statements,
        transaction: true,
    };
    let core = CORE_PROCEDURES.map(|(name, _)| name);
    vec![
        part(
            "wrappers",
            gone(&format!(
                "{} UNION ALL {}",
                in_schema("sys.objects", " AND parent_object_id = 0"),
                in_schema("sys.types", "")
            )),
            vec![
                format!(
                    "DECLARE @statement nvarchar(max) = N'';\n\
                     SELECT @statement = @statement + N'DROP PROCEDURE [{SCHEMA}].' + QUOTENAME(p.name) + N';'\n\
                     FROM sys.procedures AS p JOIN sys.sql_modules AS m ON m.object_id = p.object_id\n\
                     WHERE p.schema_id = SCHEMA_ID(N'{SCHEMA}') AND ({} OR p.name IN ({}));\n\
                     EXEC sys.sp_executesql @statement;\n",
                    is_wrapper(),
                    list(&core)
                ),
                TABLE_TYPES
                    .iter()
                    .map(|t| format!("DROP TYPE IF EXISTS [{SCHEMA}].[{}];\n", t.name))
                    .collect(),
            ],
        ),
        part(
            "role",
            gone(&format!("SELECT * FROM sys.database_principals WHERE name = N'{ROLE}' AND type = 'R'")),
            vec![format!(
                "DECLARE @statement nvarchar(max) = N'';\n\
                 SELECT @statement = @statement + N'ALTER ROLE [{ROLE}] DROP MEMBER ' + QUOTENAME(m.name) + N';'\n\
                 FROM sys.database_role_members AS r\n\
                 JOIN sys.database_principals AS m ON m.principal_id = r.member_principal_id\n\
                 WHERE r.role_principal_id = DATABASE_PRINCIPAL_ID(N'{ROLE}');\n\
                 EXEC sys.sp_executesql @statement;\n\
                 IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'{LANGUAGE}')\n    \
                 EXEC (N'REVOKE EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[{LANGUAGE}] FROM [{ROLE}];');\n\
                 IF SCHEMA_ID(N'{SCHEMA}') IS NOT NULL\n    REVOKE EXECUTE ON SCHEMA::[{SCHEMA}] FROM [{ROLE}];\n\
                 DROP ROLE [{ROLE}];\n"
            )],
        ),
        part(
            "schema",
            gone(&format!("SELECT * FROM sys.schemas WHERE name = N'{SCHEMA}'")),
            vec![format!("DROP SCHEMA [{SCHEMA}];\n")],
        ),
        part(
            "language",
            gone(&format!("SELECT * FROM sys.external_languages WHERE language = N'{LANGUAGE}'")),
            vec![language::removal()],
        ),
    ]
}
