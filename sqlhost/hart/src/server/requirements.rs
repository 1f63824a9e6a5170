//! Requirements on a server beyond those of [`Facts::lacks`]: a build with the interface, and memory for external
//! processes.

use anyhow::Result;
use serde::Serialize;

use super::session::{Server, StatementError, text};
use super::survey::{Facts, Lack, Library};

/// First build of SQL Server 2019 with the interface's version 2: its cumulative update 3.
const FIRST_BUILD: u32 = 4023;

/// What is missing if the build is too old.
pub fn build(facts: &Facts) -> Option<Lack> {
    let build: u32 = facts.version.split('.').nth(2)?.parse().ok()?;
    (facts.takes_languages() && facts.major() == 15 && build < FIRST_BUILD).then(|| Lack {
        what: format!("SQL Server 2019 of build {} has another interface for external languages", facts.version),
        mend: format!("install its cumulative update 3 (15.0.{FIRST_BUILD}) or later; security updates for RTM (GDR) do not have it"),
    })
}

/// Possible problems, which only a call can confirm.
pub fn warnings(facts: &Facts) -> Vec<Lack> {
    let mut out = Vec::new();
    // The property's value with only the extensibility package installed is undocumented.
    if facts.takes_languages() && !facts.feature_installed {
        let mend = match facts.platform.as_str() {
            "Linux" => {
                "where calls fail: install the package mssql-server-extensibility, then restart mssql-server and mssql-launchpadd"
            }
            _ => "where calls fail: run Setup and add Machine Learning Services and Language Extensions",
        };
        out.push(Lack {
            what: "the server says that the feature for external scripts is not installed".into(),
            mend: mend.into(),
        });
    }
    out
}

/// The memory that the default external resource pool allows external processes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// Share of the machine's memory, in percent.
    pub percent: u64,
    /// Memory of the machine, in MiB.
    pub machine_mb: u64,
}

impl Memory {
    /// In MiB.
    pub fn mb(self) -> u64 {
        self.machine_mb * self.percent / 100
    }

    /// Queries the server; `None` if this login may not see it.
    pub fn read(server: &mut Server) -> Result<Option<Memory>> {
        const SQL: &str = "SELECT CAST(p.max_memory_percent AS nvarchar(20)), CAST(m.physical_memory_kb / 1024 AS nvarchar(20))\n\
             FROM sys.resource_governor_external_resource_pools AS p CROSS JOIN sys.dm_os_sys_info AS m\n\
             WHERE p.name = N'default';\n";
        let rows = match server.rows(SQL) {
            // Not every login has VIEW SERVER STATE or VIEW SERVER PERFORMANCE STATE.
            Err(error)
                if error
                    .downcast_ref::<StatementError>()
                    .is_some_and(|e| [229, 297, 300, 371].contains(&e.code)) =>
            {
                return Ok(None);
            }
            other => other?,
        };
        let Some(row) = rows.first().filter(|row| row.len() == 2) else { return Ok(None) };
        Ok(text(row, 0)?
            .parse()
            .ok()
            .zip(text(row, 1)?.parse().ok())
            .map(|(percent, machine_mb)| Memory { percent, machine_mb }))
    }

    /// The warning if a library may use more than the pool has.
    pub fn warning(self, libraries: &[Library], facts: &Facts) -> Option<Lack> {
        let library = libraries.iter().find(|l| l.platform.eq_ignore_ascii_case(&facts.platform))?;
        let pairs = library
            .parameters
            .split([';', ',', ' ', '\t', '\r', '\n'])
            .filter_map(|pair| pair.split_once('='));
        let limit = pairs.rev().find(|(name, _)| *name == "max_memory_mb")?.1.trim().parse::<u64>().ok()?;
        let (percent, mb) = (self.percent, self.mb());
        (limit > mb).then(|| Lack {
            what: format!(
                "max_memory_mb={limit} is more than external processes may take: {percent} % of {} MB are {mb} MB",
                self.machine_mb
            ),
            mend: "ALTER EXTERNAL RESOURCE POOL [default] WITH (MAX_MEMORY_PERCENT = ...); ALTER RESOURCE GOVERNOR RECONFIGURE; -- or a \
                   smaller max_memory_mb"
                .into(),
        })
    }
}
