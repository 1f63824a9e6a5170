//! `hart undeploy`: removes what `hart deploy` installed, and leaves nothing of it.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Args;
use hart_sqlhost::tsql::{SCHEMA, TABLE_TYPES};

use super::connection::{ConnectionOptions, text};
use super::plan::{self, LANGUAGE, ROLE, foreign_language, is_wrapper, state};
use super::survey::{Facts, state as ask};
use super::text::{batches, literal};

const SCALEOUT: &str = include_str!("../../../../../sql/scaleout/uninstall.sql");

/// Options of `hart undeploy`.
#[derive(Args)]
pub struct UndeployOptions {
    /// Remove sql/scaleout too, with the results that wait in hart.WorkItem
    #[arg(long)]
    with_scaleout: bool,
    /// Print what would be run, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: ConnectionOptions,
}

/// A part of the removal.
struct Part {
    name: &'static str,
    /// SELECT of `same` where there is nothing to remove.
    check: String,
    statements: Vec<String>,
}

/// Removes, part by part.
pub fn undeploy(options: UndeployOptions) -> Result<()> {
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
    if !options.dry_run {
        server.run(plan::LOCK).context("nothing was changed")?;
    }
    if ask(
        &mut server,
        &format!("SELECT CASE WHEN {} THEN N'foreign' ELSE N'same' END;\n", foreign_language()),
    )? == state::FOREIGN
    {
        bail!(
            "nothing was changed: the external language {LANGUAGE} of this database is not this library, or its files cannot be seen by this login"
        );
    }
    let others: Vec<String> = server
        .rows(others(options.with_scaleout))?
        .iter()
        .map(|row| Ok(text(row, 0)?.to_string()))
        .collect::<Result<_>>()?;
    if !others.is_empty() {
        bail!(
            "nothing was changed: the schema {SCHEMA} also holds {}; drop or move them first{}",
            others.join(", "),
            if options.with_scaleout { "" } else { " (--with-scaleout removes those of sql/scaleout)" }
        );
    }
    for part in parts(options.with_scaleout) {
        if ask(&mut server, &part.check)? == state::SAME {
            writeln!(out, "{}{}: not there", if options.dry_run { "-- " } else { "" }, part.name)?;
            continue;
        }
        let batches =
            [plan::BEGIN].into_iter().chain(part.statements.iter().map(String::as_str)).chain([plan::COMMIT]);
        if options.dry_run {
            writeln!(out, "-- {}", part.name)?;
            for batch in batches {
                writeln!(out, "{}\nGO", batch.trim_end())?;
            }
            continue;
        }
        for batch in batches {
            if let Err(error) = server.run(batch) {
                // On a broken connection the server undoes it by itself.
                let _ = server.run(plan::ROLLBACK);
                return Err(error
                    .context(format!("the part {} could not be removed and is there as before", part.name)));
            }
        }
        let after = ask(&mut server, &part.check)?;
        if after != state::SAME {
            bail!("the part {} was removed, but its check then said '{after}'", part.name);
        }
        writeln!(out, "{}: removed", part.name)?;
    }
    Ok(())
}

/// Names of sql/scaleout, for the condition on sys.objects.
const SCALEOUT_NAMES: &[&str] = &[
    "WorkQueue",
    "WorkSenderQueue",
    "ReceiveWork",
    "EndWorkDialogs",
    "RunWork",
    "EnqueueWork",
    "VectorTopKFanOut",
    "VectorTopKOfParts",
    "WorkItem",
    "WorkHandler",
    "WorkRejected",
    "SearchNode",
];
const CORE_NAMES: &[&str] = &["PrepareSource", "RethrowKernelError"];

fn list(names: &[&str]) -> String {
    names.iter().map(|n| literal(n)).collect::<Vec<_>>().join(", ")
}

/// Objects and types of the schema that are not ours.
fn others(with_scaleout: bool) -> String {
    let mut ours = CORE_NAMES.to_vec();
    if with_scaleout {
        ours.extend(SCALEOUT_NAMES);
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

fn parts(with_scaleout: bool) -> Vec<Part> {
    let gone = |exists: &str| {
        format!("SELECT CASE WHEN EXISTS ({exists}) THEN N'there' ELSE N'same' END AS [state];\n")
    };
    let in_schema = |table: &str, condition: &str| {
        format!("SELECT * FROM {table} WHERE schema_id = SCHEMA_ID(N'{SCHEMA}'){condition}")
    };
    let mut parts = Vec::new();
    if with_scaleout {
        parts.push(Part {
            name: "scale-out",
            check: gone(&in_schema("sys.objects", &format!(" AND name IN ({})", list(SCALEOUT_NAMES)))),
            statements: batches(SCALEOUT),
        });
    }
    parts.push(Part {
        name: "wrappers",
        check: gone(&format!(
            "{} UNION ALL {}",
            in_schema("sys.objects", " AND parent_object_id = 0").replace('*', "name"),
            in_schema("sys.types", "").replace('*', "name")
        )),
        statements: vec![
            format!(
                "DECLARE @statement nvarchar(max) = N'';\n\
                 SELECT @statement = @statement + N'DROP PROCEDURE [{SCHEMA}].' + QUOTENAME(p.name) + N';'\n\
                 FROM sys.procedures AS p JOIN sys.sql_modules AS m ON m.object_id = p.object_id\n\
                 WHERE p.schema_id = SCHEMA_ID(N'{SCHEMA}') AND ({} OR p.name IN ({}));\n\
                 EXEC sys.sp_executesql @statement;\n",
                is_wrapper(),
                list(CORE_NAMES)
            ),
            TABLE_TYPES.iter().map(|t| format!("DROP TYPE IF EXISTS [{SCHEMA}].[{}];\n", t.name)).collect(),
        ],
    });
    parts.push(Part {
        name: "role",
        check: gone(&format!("SELECT * FROM sys.database_principals WHERE name = N'{ROLE}' AND type = 'R'")),
        statements: vec![format!(
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
    });
    parts.push(Part {
        name: "schema",
        check: gone(&format!("SELECT * FROM sys.schemas WHERE name = N'{SCHEMA}'")),
        statements: vec![format!("DROP SCHEMA [{SCHEMA}];\n")],
    });
    parts.push(Part {
        name: "language",
        check: gone(&format!("SELECT * FROM sys.external_languages WHERE language = N'{LANGUAGE}'")),
        statements: vec![format!(
            "IF {}\n    THROW 59912, N'the external language {LANGUAGE} of this database is not this library; it was left as it is', 1;\n\
             DECLARE @statement nvarchar(max) = N'';\n\
             SELECT @statement = @statement + N'REVOKE EXECUTE EXTERNAL SCRIPT ON EXTERNAL LANGUAGE::[{LANGUAGE}] FROM ' + QUOTENAME(g.name) + N' CASCADE;'\n\
             FROM sys.database_permissions AS p\n\
             JOIN sys.database_principals AS g ON g.principal_id = p.grantee_principal_id\n\
             WHERE p.permission_name = N'EXECUTE EXTERNAL SCRIPT'\n    \
             AND p.major_id = (SELECT external_language_id FROM sys.external_languages WHERE language = N'{LANGUAGE}');\n\
             EXEC sys.sp_executesql @statement;\n\
             EXEC (N'DROP EXTERNAL LANGUAGE [{LANGUAGE}];');\n",
            foreign_language()
        )],
    });
    parts
}
