//! The state of a server and a database, and what they lack for the kernels.

use crate::tsql::{SCHEMA, WORK_SCHEMA};
use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::language::LANGUAGE;
use super::plan::{ENABLE, ROLE};
use super::session::{Server, text};
use super::text::literal;

/// Facts about the server and this login; works on every version of SQL Server.
pub const FACTS: &str = "SELECT name, CAST(value AS nvarchar(4000)) AS value
FROM (VALUES
    (N'version', CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(4000))),
    (N'edition', CAST(SERVERPROPERTY('Edition') AS nvarchar(4000))),
    (N'engine', CAST(SERVERPROPERTY('EngineEdition') AS nvarchar(4000))),
    (N'platform', CASE WHEN CHARINDEX(N'on Linux', @@VERSION) > 0 THEN N'Linux' ELSE N'Windows' END),
    (N'database', DB_NAME()),
    (N'compatibility', (SELECT CAST(compatibility_level AS nvarchar(10)) FROM sys.databases WHERE database_id = DB_ID())),
    (N'broker', (SELECT CAST(CAST(is_broker_enabled AS int) AS nvarchar(10)) FROM sys.databases WHERE database_id = DB_ID())),
    (N'login', SUSER_SNAME()),
    (N'user', USER_NAME()),
    (N'feature', CAST(SERVERPROPERTY('IsAdvancedAnalyticsInstalled') AS nvarchar(4000))),
    (N'enabled', (SELECT CAST(CAST(value_in_use AS int) AS nvarchar(10)) FROM sys.configurations WHERE name = N'external scripts enabled')),
    (N'sysadmin', CAST(IS_SRVROLEMEMBER(N'sysadmin') AS nvarchar(10)))
) AS facts (name, value);
";

/// Permissions that an installation needs. SQL Server 2019 and later.
const NEEDED: &[&str] = &[
    "CREATE EXTERNAL LANGUAGE",
    "ALTER ANY EXTERNAL LANGUAGE",
    "CREATE SCHEMA",
    "CREATE PROCEDURE",
    "CREATE TYPE",
    "CREATE ROLE",
];

/// First compatibility level with STRING_SPLIT and OPENJSON, which the procedures use.
const COMPATIBILITY: u32 = 130;

/// Facts, read once.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// ProductVersion
    pub version: String,
    /// Edition in words
    pub edition: String,
    /// EngineEdition: 3 is Enterprise and what has its features, 5 and 8 are Azure SQL Database and Managed Instance
    #[serde(skip)]
    engine: String,
    /// Windows or Linux
    pub platform: String,
    /// Current database
    pub database: String,
    /// Compatibility level of the database
    pub compatibility_level: u32,
    /// Whether Service Broker is on in the database
    pub broker: bool,
    /// Login
    pub login: String,
    /// User in the database
    pub user: String,
    /// Whether the feature is installed
    pub feature_installed: bool,
    /// Whether external scripts are enabled
    pub external_scripts_enabled: bool,
    /// Whether the login is a sysadmin
    pub sysadmin: bool,
    /// Permissions that an installation needs and this login lacks
    pub missing_permissions: Vec<String>,
}

/// Something missing, and the statement that mends it.
#[derive(Clone, Debug, Serialize)]
pub struct Lack {
    /// What is missing
    pub what: String,
    /// What mends it: a statement, or a deed
    pub mend: String,
}

impl Facts {
    /// Queries the server.
    pub fn read(server: &mut Server) -> Result<Facts> {
        let mut facts = Facts::default();
        for row in server.rows(FACTS)? {
            let value = text(&row, 1)?.to_string();
            match text(&row, 0)? {
                "version" => facts.version = value,
                "edition" => facts.edition = value,
                "engine" => facts.engine = value,
                "platform" => facts.platform = value,
                "database" => facts.database = value,
                "compatibility" => facts.compatibility_level = value.parse().unwrap_or(0),
                "broker" => facts.broker = value == "1",
                "login" => facts.login = value,
                "user" => facts.user = value,
                "feature" => facts.feature_installed = value == "1",
                "enabled" => facts.external_scripts_enabled = value == "1",
                "sysadmin" => facts.sysadmin = value == "1",
                _ => {}
            }
        }
        ensure!(facts.major() > 0, "{} did not say its version ('{}')", server.name(), facts.version);
        if facts.takes_languages() {
            for row in server.rows(permissions())? {
                if text(&row, 1)? != "1" {
                    facts.missing_permissions.push(text(&row, 0)?.into());
                }
            }
        }
        Ok(facts)
    }

    /// Major version: 15 is SQL Server 2019.
    pub fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }

    /// Whether this kind of server has external languages at all.
    pub fn takes_languages(&self) -> bool {
        self.major() >= 15 && !self.is_azure()
    }

    /// Azure SQL Database and its relatives, by EngineEdition.
    fn is_azure(&self) -> bool {
        matches!(self.engine.as_str(), "5" | "6" | "8" | "9" | "11" | "12")
    }

    /// Whether it streams input in chunks and runs tasks in parallel: Enterprise, Developer and Evaluation.
    pub fn is_enterprise(&self) -> bool {
        self.engine == "3"
    }

    /// What the server lacks before an installation can start; `enable` says that the setting will be changed.
    pub fn lacks(&self, enable: bool) -> Vec<Lack> {
        let lack = |what: String, mend: String| Lack { what, mend };
        if self.is_azure() {
            return vec![lack(
                format!("{} takes no external languages", self.edition),
                "compute outside of it: hart run --server, hart search --server".into(),
            )];
        }
        if self.major() < 15 {
            return vec![lack(
                format!("version {} has no external languages", self.version),
                "SQL Server 2019 (15) or later".into(),
            )];
        }
        let mut out = Vec::new();
        if !self.external_scripts_enabled && !enable {
            let mend = format!(
                "{} -- by a sysadmin; then restart the Launchpad service",
                ENABLE.trim().replace('\n', " ")
            );
            out.push(lack("external scripts are disabled".into(), mend));
        }
        if self.compatibility_level < COMPATIBILITY {
            out.push(lack(
                format!(
                    "the database has compatibility level {}, without STRING_SPLIT and OPENJSON",
                    self.compatibility_level
                ),
                "ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 150;".into(),
            ));
        }
        if !self.missing_permissions.is_empty() {
            let list = self.missing_permissions.join(", ");
            let user = format!("[{}]", self.user.replace(']', "]]"));
            out.push(lack(format!("{} lacks {list}", self.user), format!("GRANT {list} TO {user};")));
        }
        out
    }
}

fn permissions() -> String {
    let rows: Vec<String> = NEEDED.iter().map(|p| format!("({})", literal(p))).collect();
    format!(
        "SELECT name, CAST(HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N'DATABASE', name) AS nvarchar(10)) AS value\n\
         FROM (VALUES {}) AS permissions (name);\n",
        rows.join(", ")
    )
}

/// A library of the installed language.
#[derive(Clone, Debug, Serialize)]
pub struct Library {
    /// WINDOWS or LINUX
    pub platform: String,
    /// Name of the library in the archive
    pub file_name: String,
    /// SHA-256 of the archive
    pub sha256: String,
    /// Bytes of the archive
    pub bytes: String,
    /// PARAMETERS
    pub parameters: String,
    /// ENVIRONMENT_VARIABLES
    pub environment: String,
    /// When the language was created
    pub created: String,
}

/// The installed libraries.
pub fn libraries(server: &mut Server) -> Result<Vec<Library>> {
    let sql = format!(
        "SELECT f.platform_desc, f.file_name, CONVERT(nvarchar(64), HASHBYTES('SHA2_256', f.content), 2), \
         CAST(DATALENGTH(f.content) AS nvarchar(20)), f.parameters, CONVERT(nvarchar(19), l.create_date, 126), \
         f.environment_variables\n\
         FROM sys.external_languages AS l\n\
         JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id\n\
         WHERE l.language = N'{LANGUAGE}'\nORDER BY f.platform_desc DESC;\n"
    );
    server
        .rows(sql)?
        .iter()
        .map(|row| {
            Ok(Library {
                platform: text(row, 0)?.into(),
                file_name: text(row, 1)?.into(),
                sha256: text(row, 2)?.to_lowercase(),
                bytes: text(row, 3)?.into(),
                parameters: text(row, 4)?.into(),
                created: text(row, 5)?.into(),
                environment: text(row, 6)?.into(),
            })
        })
        .collect()
}

/// Members of the callers' role.
pub fn members(server: &mut Server) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT m.name FROM sys.database_role_members AS r\n\
         JOIN sys.database_principals AS m ON m.principal_id = r.member_principal_id\n\
         WHERE r.role_principal_id = DATABASE_PRINCIPAL_ID(N'{ROLE}')\nORDER BY m.name;\n"
    );
    server.rows(sql)?.iter().map(|row| Ok(text(row, 0)?.to_string())).collect()
}

/// The marks of installed steps: the step's key, and the hash or version.
pub fn marks(server: &mut Server) -> Result<Vec<(String, String)>> {
    let sql = format!(
        "SELECT SUBSTRING(name, {}, 128), CAST(value AS nvarchar(64)) FROM sys.extended_properties\n\
         WHERE class_desc = N'SCHEMA' AND major_id = SCHEMA_ID(N'{SCHEMA}') AND LEFT(name, {}) = N'{SCHEMA}.'\nORDER BY name;\n",
        SCHEMA.len() + 2,
        SCHEMA.len() + 1
    );
    server.rows(sql)?.iter().map(|row| Ok((text(row, 0)?.into(), text(row, 1)?.into()))).collect()
}

/// The installed version, if a mark states it.
pub fn version(server: &mut Server) -> Result<Option<String>> {
    let marks = marks(server)?;
    Ok(marks.into_iter().find(|(key, _)| key == "version").map(|(_, value)| value))
}

/// Our queues that are disabled or do not start work, each with the statement that enables it.
pub fn disabled_queues(server: &mut Server) -> Result<Vec<Lack>> {
    let sql = format!(
        "SELECT QUOTENAME(name) FROM sys.service_queues\n\
         WHERE schema_id = SCHEMA_ID(N'{WORK_SCHEMA}') AND (is_receive_enabled = 0 OR is_activation_enabled = 0)\n\
         ORDER BY name;\n"
    );
    server
        .rows(sql)?
        .iter()
        .map(|row| {
            let queue = format!("[{WORK_SCHEMA}].{}", text(row, 0)?);
            Ok(Lack {
                what: format!("the queue {queue} is disabled, for example by a poison message"),
                mend: format!("ALTER QUEUE {queue} WITH STATUS = ON, ACTIVATION (STATUS = ON);"),
            })
        })
        .collect()
}

/// The single word that a check returns.
pub fn state(server: &mut Server, check: &str) -> Result<String> {
    let rows = server.rows(check)?;
    let word = match rows.as_slice() {
        [row] => text(row, 0)?,
        rows => bail!("{} answered a check with {} rows, expected 1", server.name(), rows.len()),
    };
    ensure!(!word.is_empty(), "{} answered a check with NULL", server.name());
    Ok(word.to_string())
}
