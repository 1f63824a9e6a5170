//! What may be installed beside the wrappers: the scripts of sql/functions, sql/hartonomous and sql/scaleout as steps.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::plan::{self, Step};
use super::survey::Facts;
use super::text::{batches, literal};

macro_rules! scripts {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../../sql/", $path)))),*]
    };
}

/// An addition. In the order in which they build on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Addition {
    /// Scalar functions under the old names over the server's VECTOR functions
    Functions,
    /// The procedures of Hartonomous, on its own tables
    Hartonomous,
    /// One exact search over several servers
    LinkedSearch,
    /// Work behind a queue, by Service Broker
    Broker,
    /// Projection of new embeddings of Hartonomous behind that queue
    QueuedProjection,
}

impl Addition {
    fn name(self) -> &'static str {
        match self {
            Addition::Functions => "functions",
            Addition::Hartonomous => "hartonomous",
            Addition::LinkedSearch => "linked-search",
            Addition::Broker => "broker",
            Addition::QueuedProjection => "queued-projection",
        }
    }

    /// Path and text of its scripts.
    fn scripts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Addition::Functions => scripts!["functions/vectors.sql", "functions/packed.sql"],
            // The first one has the conditions, and names the others.
            Addition::Hartonomous => scripts![
                "hartonomous/install.sql",
                "hartonomous/tables.sql",
                "hartonomous/spatial_projection.sql",
                "hartonomous/spatial_metadata.sql",
                "hartonomous/vector_search.sql",
                "hartonomous/semantic_search.sql",
                "hartonomous/student_models.sql",
                "hartonomous/atomize_model.sql",
                "hartonomous/weight_history.sql",
            ],
            Addition::LinkedSearch => scripts!["scaleout/linked_search.sql"],
            Addition::Broker => scripts!["scaleout/broker.sql"],
            Addition::QueuedProjection => scripts!["hartonomous/queued_projection.sql"],
        }
    }

    /// Whether it uses the type VECTOR.
    fn needs_vector(self) -> bool {
        matches!(self, Addition::Functions | Addition::Hartonomous | Addition::QueuedProjection)
    }
}

/// Additions on the command line.
#[derive(Args)]
pub struct AdditionOptions {
    /// Install these as well, after the wrappers
    #[arg(long, value_enum, value_name = "ADDITION", value_delimiter = ',')]
    with: Vec<Addition>,
    /// Dimension of the VECTOR columns that the functions are for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1998))]
    dimensions: Option<u16>,
    /// Schema of the functions
    #[arg(long, value_name = "SCHEMA", default_value = "dbo")]
    functions_schema: String,
}

/// First major version with VECTOR.
const WITH_VECTOR: u32 = 17;

impl AdditionOptions {
    /// Fails where an option lacks another one.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.dimensions.is_some() == self.with.contains(&Addition::Functions),
            "--dimensions N is that of the functions: say it with --with functions, and only then"
        );
        // sqlcmd would take such a name for more than one line.
        ensure!(
            !self.functions_schema.is_empty() && !self.functions_schema.contains(char::is_control),
            "--functions-schema is {:?}; expected the name of a schema",
            self.functions_schema
        );
        Ok(())
    }

    /// Fails where the server lacks what an addition uses.
    pub fn check_server(&self, facts: &Facts) -> Result<()> {
        if let Some(addition) = self.with.iter().find(|a| a.needs_vector() && facts.major() < WITH_VECTOR) {
            anyhow::bail!(
                "nothing was changed: --with {} needs the type VECTOR, so SQL Server 2025; this is {}",
                addition.name(),
                facts.version
            );
        }
        Ok(())
    }

    /// Their steps, in their order.
    pub fn steps(&self) -> Vec<Step> {
        let mut additions = self.with.clone();
        additions.sort_unstable();
        additions.dedup();
        additions.into_iter().map(|addition| self.step(addition)).collect()
    }

    fn step(&self, addition: Addition) -> Step {
        let name = addition.name();
        let schema = self.functions_schema.replace(']', "]]");
        let dimensions = self.dimensions.unwrap_or_default().to_string();
        let mut statements = Vec::new();
        if addition.needs_vector() {
            statements.push(format!(
                "IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) < {WITH_VECTOR}\n    \
                 THROW 59919, N'{name} needs the type VECTOR, so SQL Server 2025', 1;\n"
            ));
        }
        for (_, script) in addition.scripts() {
            let script: String = script
                .replace("$(Schema)", &schema)
                .replace("$(Dimensions)", &dimensions)
                .split_inclusive('\n')
                // Directives of sqlcmd.
                .filter(|line| !line.starts_with(':'))
                .collect();
            statements.extend(batches(&script));
        }
        let missing: Vec<String> = statements
            .iter()
            .filter_map(|s| module(s))
            .map(|m| format!("OBJECT_ID({}) IS NULL", literal(m)))
            .collect();
        // Functions may be there once for each schema.
        let key = if addition == Addition::Functions {
            format!("{name}.{}", self.functions_schema)
        } else {
            name.into()
        };
        plan::step(name, &key, &missing.join(" OR "), None, "", statements)
    }
}

/// The name of the module that a batch makes, as it stands there.
fn module(batch: &str) -> Option<&str> {
    let line = batch.lines().find_map(|line| line.strip_prefix("CREATE OR ALTER "))?;
    let (_, name) = line.split_once(' ')?;
    // A bracketed name may hold a blank.
    let end = name.find(" (").or_else(|| name.find(" ON ")).unwrap_or(name.len());
    Some(name[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(with: &[Addition]) -> AdditionOptions {
        let dimensions = with.contains(&Addition::Functions).then_some(384);
        AdditionOptions { with: with.to_vec(), dimensions, functions_schema: "my ]schema'".into() }
    }

    #[test]
    fn every_script_is_in_an_addition_and_whole() {
        let all = options(Addition::value_variants());
        let steps = all.steps();
        assert_eq!(
            steps.iter().map(|s| s.name).collect::<Vec<_>>(),
            Addition::value_variants().iter().map(|a| a.name()).collect::<Vec<_>>()
        );
        for (addition, step) in Addition::value_variants().iter().zip(&steps) {
            assert_eq!(addition.to_possible_value().unwrap().get_name(), addition.name());
            for statement in &step.statements {
                assert!(!statement.contains("$("), "{statement}");
                assert!(statement.lines().all(|l| !l.starts_with(':') && l.trim() != "GO"), "{statement}");
            }
            for (path, script) in addition.scripts() {
                let modules = script.matches("\nCREATE OR ALTER ").count();
                let made = batches(script).iter().filter(|b| module(b).is_some()).count();
                assert_eq!(made, modules, "{path}");
            }
            assert!(step.check.contains("OBJECT_ID(N'"), "{}", step.check);
        }
        let functions = &steps[0];
        assert!(
            functions.check.contains("OBJECT_ID(N'[my ]]schema''].[VectorDotProduct]')"),
            "{}",
            functions.check
        );
        assert!(functions.check.contains("N'hart.functions.my ]schema'''"), "{}", functions.check);
        assert!(functions.statements[1].contains("VECTOR(384)"));
        assert!(steps[4].check.contains("N'dbo.AtomEmbeddings_QueueProjection'"));
        // What install.sql includes is what is installed.
        let [(_, install), rest @ ..] = Addition::Hartonomous.scripts() else { unreachable!() };
        let included: Vec<&str> = install.lines().filter_map(|l| l.strip_prefix(":r ")).collect();
        assert_eq!(included, rest.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let steps = options(&[Addition::Broker, Addition::LinkedSearch, Addition::Broker]).steps();
        assert_eq!(steps.iter().map(|s| s.name).collect::<Vec<_>>(), ["linked-search", "broker"]);
        assert!(options(&[]).steps().is_empty());
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        let mut given = options(&[Addition::Functions]);
        given.check().unwrap();
        given.dimensions = None;
        assert!(given.check().unwrap_err().to_string().contains("--dimensions"));
        let mut given = options(&[Addition::Broker]);
        given.dimensions = Some(3);
        assert!(given.check().unwrap_err().to_string().contains("--dimensions"));
        let mut given = options(&[]);
        given.functions_schema = "a\nGO".into();
        assert!(given.check().unwrap_err().to_string().contains("--functions-schema"));
    }
}
