//! Optional parts beside the wrappers: the scripts of sql/functions, sql/hartonomous and sql/scaleout as steps.

use crate::tsql::{SCHEMA, WORK_SCHEMA};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::objects::{Kind, Object, objects};
use super::plan::{Foreign, Marked, drop_mark, is_unmarked};
use super::session::Server;
use super::step::{Step, state};
use super::survey::{self, Facts};
use super::text::{batches, fill, literal};

macro_rules! scripts {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../sql/", $path)))),*]
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
    /// Exact search that carries codes, a quarter of the bytes
    CompressedSearch,
    /// Work behind a queue, by Service Broker
    Broker,
    /// Projection of new embeddings of Hartonomous behind that queue
    QueuedProjection,
}

impl Addition {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Addition::Functions => "functions",
            Addition::Hartonomous => "hartonomous",
            Addition::LinkedSearch => "linked-search",
            Addition::CompressedSearch => "compressed-search",
            Addition::Broker => "broker",
            Addition::QueuedProjection => "queued-projection",
        }
    }

    /// Paths below sql/ and texts of its scripts.
    pub fn scripts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Addition::Functions => scripts!["functions/vectors.sql", "functions/packed.sql"],
            // The first script has the conditions, and lists the others.
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
            Addition::CompressedSearch => scripts!["scaleout/compressed_search.sql"],
            Addition::Broker => scripts!["scaleout/broker.sql"],
            Addition::QueuedProjection => scripts!["hartonomous/queued_projection.sql"],
        }
    }

    /// Whether it uses the type VECTOR.
    fn needs_vector(self) -> bool {
        matches!(self, Addition::Functions | Addition::Hartonomous | Addition::QueuedProjection)
    }
}

/// The batches of a script, without sqlcmd directives.
pub fn plain_batches(script: &str) -> Vec<String> {
    let lines: String = script.split_inclusive('\n').filter(|line| !line.starts_with(':')).collect();
    batches(&lines)
}

/// A requirement of an addition that is not a step itself.
struct Need {
    /// Whether it is met.
    condition: String,
    /// What to do if it is not.
    remedy: String,
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
    /// Let the additions replace procedures, functions, views and triggers of their names that are not from here, for example
    /// the application's own
    #[arg(long)]
    replace: bool,
}

/// First major version with VECTOR.
const WITH_VECTOR: u32 = 17;

impl AdditionOptions {
    /// The options for a removal.
    pub fn to_remove(with: Vec<Addition>, functions_schema: String) -> AdditionOptions {
        AdditionOptions { with, dimensions: None, functions_schema, replace: false }
    }

    /// The step of an addition whose text depends on no option, by the key of its mark.
    pub fn named(key: &str) -> Option<Step> {
        let addition = Addition::value_variants().iter().find(|a| a.name() == key)?;
        Some(AdditionOptions::to_remove(vec![*addition], String::new()).step(*addition))
    }

    /// Fails if an option requires another one that is missing.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.dimensions.is_some() == self.with.contains(&Addition::Functions),
            "--dimensions N is that of the functions: say it with --with functions, and only then"
        );
        // sqlcmd would split such a name into several lines.
        ensure!(
            !self.functions_schema.is_empty() && !self.functions_schema.contains(char::is_control),
            "--functions-schema is {:?}; expected the name of a schema",
            self.functions_schema
        );
        Ok(())
    }

    /// Fails if the server lacks anything that an addition uses, and lists all of it.
    pub fn check_server(&self, server: &mut Server, facts: &Facts) -> Result<()> {
        if let Some(addition) = self.with.iter().find(|a| a.needs_vector() && facts.major() < WITH_VECTOR) {
            anyhow::bail!(
                "nothing was changed: --with {} needs the type VECTOR, so SQL Server 2025; this is {}",
                addition.name(),
                facts.version
            );
        }
        let mut missing = Vec::new();
        for addition in self.sorted() {
            for need in self.needs(addition) {
                let query =
                    format!("SELECT CASE WHEN {} THEN N'yes' ELSE N'no' END AS [need];\n", need.condition);
                if survey::state(server, &query)? != "yes" {
                    missing.push(format!("--with {}: {}", addition.name(), need.remedy));
                }
            }
        }
        ensure!(missing.is_empty(), "nothing was changed: {}", missing.join("; "));
        Ok(())
    }

    fn needs(&self, addition: Addition) -> Vec<Need> {
        let need =
            |condition: &str, remedy: &str| Need { condition: condition.into(), remedy: remedy.into() };
        match addition {
            Addition::Functions => vec![Need {
                condition: format!("SCHEMA_ID({}) IS NOT NULL", literal(&self.functions_schema)),
                remedy: format!("the schema {} is not there; CREATE SCHEMA makes it", self.functions_schema),
            }],
            Addition::Hartonomous => vec![need(
                "OBJECT_ID(N'dbo.AtomEmbeddings', N'U') IS NOT NULL AND OBJECT_ID(N'dbo.TensorAtoms', N'U') IS NOT NULL",
                "the application's tables dbo.AtomEmbeddings and dbo.TensorAtoms are not there; run its own migration first",
            )],
            Addition::LinkedSearch | Addition::CompressedSearch => Vec::new(),
            Addition::Broker => vec![need(
                "EXISTS (SELECT * FROM sys.databases WHERE database_id = DB_ID() AND is_broker_enabled = 1)",
                "Service Broker is off in this database; ALTER DATABASE CURRENT SET ENABLE_BROKER turns it on (nobody \
                 else may be connected)",
            )],
            Addition::QueuedProjection => {
                let mut needs = vec![need(
                    "OBJECT_ID(N'dbo.AtomEmbeddings', N'U') IS NOT NULL",
                    "the application's table dbo.AtomEmbeddings is not there; run its own migration first",
                )];
                if !self.with.contains(&Addition::Broker) {
                    needs.push(need(
                        "OBJECT_ID(N'hart_work.WorkHandler', N'U') IS NOT NULL",
                        "its queue is not there; say --with broker,queued-projection",
                    ));
                }
                needs
            }
        }
    }

    /// Schema of the functions.
    pub fn schema(&self) -> &str {
        &self.functions_schema
    }

    /// The named additions, in their order.
    pub fn sorted(&self) -> Vec<Addition> {
        let mut additions = self.with.clone();
        additions.sort_unstable();
        additions.dedup();
        additions
    }

    /// Their steps, in their order.
    pub fn steps(&self) -> Vec<Step> {
        self.sorted().into_iter().map(|addition| self.step(addition)).collect()
    }

    /// The key of the mark. Functions may be installed once per schema.
    fn key(&self, addition: Addition) -> String {
        match addition {
            Addition::Functions => format!("{}.{}", addition.name(), self.functions_schema),
            _ => addition.name().into(),
        }
    }

    /// The keys of their marks.
    pub fn keys(&self) -> Vec<String> {
        self.sorted().into_iter().map(|addition| self.key(addition)).collect()
    }

    fn statements(&self, addition: Addition) -> Vec<String> {
        let schema = self.functions_schema.replace(']', "]]");
        let dimensions = self.dimensions.unwrap_or_default().to_string();
        let text = |script: &str| fill(script, &[("$(Schema)", &schema), ("$(Dimensions)", &dimensions)]);
        addition.scripts().iter().flat_map(|(_, script)| plain_batches(&text(script))).collect()
    }

    fn step(&self, addition: Addition) -> Step {
        let name = addition.name();
        let mut statements = self.statements(addition);
        let made = objects(&statements);
        if addition.needs_vector() {
            statements.insert(
                0,
                format!(
                    "IF CAST(PARSENAME(CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), 4) AS int) < {WITH_VECTOR}\n    \
                     THROW 59919, N'{name} needs the type VECTOR, so SQL Server 2025', 1;\n"
                ),
            );
        }
        let missing: Vec<String> = made.iter().map(|object| format!("NOT ({})", object.exists())).collect();
        let key = self.key(addition);
        let foreign = (!self.replace).then(|| not_from_here(&made, &key, name));
        Marked { name, key, missing: missing.join(" OR "), foreign, statements, ..Marked::default() }.step()
    }

    /// The steps that remove them, the last one first. Tables outside our schemas stay, because they hold the
    /// application's rows.
    pub fn removals(&self) -> Vec<Step> {
        self.sorted().into_iter().rev().map(|addition| self.removal(addition)).collect()
    }

    fn removal(&self, addition: Addition) -> Step {
        let name = addition.name();
        let made = self.removed(addition);
        let key = self.key(addition);
        let mut statements = Vec::new();
        if addition == Addition::QueuedProjection {
            statements.push(FORGET_PROJECTION.into());
        }
        // Objects are dropped in reverse order, because later ones depend on earlier ones.
        statements.push(made.iter().rev().map(Object::drop).collect());
        if addition == Addition::Broker {
            statements.push(format!("DROP SCHEMA IF EXISTS [{WORK_SCHEMA}];\n"));
        }
        statements.push(drop_mark(&key));
        let exist: Vec<String> = made.iter().map(Object::exists).collect();
        let foreign = not_from_here(&made, &key, name);
        let check = format!(
            "SELECT CASE\n    WHEN {} THEN N'{}'\n    WHEN {} OR NOT ({}) THEN N'there'\n    ELSE N'same'\nEND AS [state];\n",
            foreign.condition,
            state::FOREIGN,
            exist.join(" OR "),
            is_unmarked(&key)
        );
        Step {
            name,
            check,
            refusal: format!(
                "{name} was not installed by this program, or by an earlier one; what is not its own is not removed: drop \
                 it by hand, or leave out --with {name}"
            ),
            in_the_way: Some(foreign.names),
            content: Vec::new(),
            statements,
            transaction: true,
        }
    }

    /// The objects that a removal drops.
    pub fn removed(&self, addition: Addition) -> Vec<Object> {
        let made = objects(&self.statements(addition));
        made.into_iter().filter(|o| o.kind != Kind::Table || is_ours(o)).collect()
    }
}

/// Whether an object is in one of this project's schemas.
fn is_ours(object: &Object) -> bool {
    object.is_in_schema(SCHEMA) || object.is_in_schema(WORK_SCHEMA)
}

/// Removes work items for queued-projection, which nothing would process any more.
const FORGET_PROJECTION: &str = "IF OBJECT_ID(N'hart_work.WorkItem', N'U') IS NOT NULL
    DELETE FROM [hart_work].[WorkItem] WHERE kind = N'project-embedding';
IF OBJECT_ID(N'hart_work.WorkHandler', N'U') IS NOT NULL
    DELETE FROM [hart_work].[WorkHandler] WHERE kind = N'project-embedding';
";

/// Modules with an addition's names but without its mark: somebody else made them.
fn not_from_here(made: &[Object], key: &str, name: &str) -> Foreign {
    let modules: Vec<String> = made
        .iter()
        .filter(|o| o.kind.is_module() && !is_ours(o))
        .map(|o| format!("OBJECT_ID({})", literal(&o.name)))
        .collect();
    // No object has the number NULL.
    let list = if modules.is_empty() { "NULL".into() } else { modules.join(", ") };
    let from = format!("FROM sys.objects AS o WHERE o.object_id IN ({list})");
    Foreign {
        condition: format!("{} AND EXISTS (SELECT * {from})", is_unmarked(key)),
        names: format!("SELECT CONCAT(SCHEMA_NAME(o.schema_id), N'.', o.name) {from} ORDER BY 1;\n"),
        refusal: format!(
            "objects of the names of {name} are there that this program did not make; --replace replaces them, and what \
             they did is lost"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(with: &[Addition]) -> AdditionOptions {
        let dimensions = with.contains(&Addition::Functions).then_some(384);
        let functions_schema = "my ]schema'".into();
        AdditionOptions { with: with.to_vec(), dimensions, functions_schema, replace: false }
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
                let made = objects(&batches(script));
                assert_eq!(made.iter().filter(|o| o.kind.is_module()).count(), modules, "{path}");
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
        // The checks that refuse come before it.
        assert!(functions.statements[2].contains("VECTOR(384)"));
        assert!(steps[5].check.contains("N'dbo.AtomEmbeddings_QueueProjection'"));
        assert!(steps[4].check.contains("NOT (OBJECT_ID(N'[hart_work].[WorkQueue]') IS NOT NULL)"));
        assert!(steps[4].check.contains("FROM sys.services WHERE name = N'//hart/work/sender'"));
        // install.sql includes exactly what is installed.
        let [(_, install), rest @ ..] = Addition::Hartonomous.scripts() else { unreachable!() };
        let included: Vec<&str> = install.lines().filter_map(|l| l.strip_prefix(":r ")).collect();
        assert_eq!(included, rest.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    }

    /// The script that removes the scale-out by hand removes the same as the removal.
    #[test]
    fn removals_are_those_of_the_script() {
        let script = include_str!("../../../../sql/scaleout/uninstall.sql");
        let drops = |text: &str| {
            let lines = text.lines().filter_map(|l| l.trim().strip_prefix("DROP "));
            let mut lines: Vec<String> = lines.map(|l| l.replace("IF EXISTS ", "")).collect();
            lines.sort();
            lines
        };
        let given = options(&[Addition::LinkedSearch, Addition::CompressedSearch, Addition::Broker]);
        let removals = given.removals();
        assert_eq!(
            removals.iter().map(|s| s.name).collect::<Vec<_>>(),
            ["broker", "compressed-search", "linked-search"]
        );
        let statements: String = removals.iter().flat_map(|s| s.statements.clone()).collect();
        assert_eq!(drops(&statements), drops(script));
        // The application's rows stay.
        let given = options(&[Addition::Hartonomous]);
        let hartonomous = given.removals().remove(0).statements.concat();
        assert!(hartonomous.contains("DROP PROCEDURE IF EXISTS dbo.sp_SemanticSearch;"));
        assert!(hartonomous.contains("DROP VIEW IF EXISTS dbo.vw_CurrentWeights;"));
        assert!(!hartonomous.contains("DROP TABLE"), "{hartonomous}");
    }

    /// An installation replaces nothing that it did not make, unless told to.
    #[test]
    fn what_is_not_from_here_is_refused() {
        let mut given = options(&[Addition::Functions]);
        let step = given.steps().remove(0);
        let refused = "OBJECT_ID(N'[my ]]schema''].[VectorNorm]')";
        assert!(step.in_the_way.unwrap().contains(refused));
        assert!(step.statements[0].contains(refused) && step.statements[0].contains("THROW 59917"));
        given.replace = true;
        let other = given.steps().remove(0);
        assert!(!other.check.contains("N'foreign'") && !other.statements[0].contains("59917"));
        // The mark is the same in both cases.
        assert_eq!(step.statements.last(), other.statements.last());
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
