//! Rules for the scripts under `sql` that no grammar knows: what is run as text, who may do what, which names are whose, and that the documents
//! name what is there.

use crate::common::script;
use std::collections::{BTreeMap, BTreeSet};

use hart::tsql;
use hart_kernels::registry::KERNELS;
use sqlparser::tokenizer::Token;

/// Where a text that is put together is run: (file, procedure, what becomes part of it).
const DYNAMIC: &[(&str, &str, &str)] = &[
    (
        "install/drop-language.sql",
        "@statement",
        "names of those who have rights on the language, by QUOTENAME",
    ),
    (
        "install/core.sql",
        "@text",
        "the caller's query, between parentheses, for no row, with the caller's rights",
    ),
    ("install/language-linux.sql", "@statement", "values that the DBA who runs the script sets"),
    ("install/language-windows.sql", "@statement", "values that the DBA who runs the script sets"),
    ("install/uninstall.sql", "@statement", "names of the role's members, by QUOTENAME"),
    (
        "scaleout/compressed_search.sql",
        "@statement",
        "the caller's query, between parentheses, with the caller's rights",
    ),
    ("scaleout/linked_search.sql", "@statement", "the linked server's name, by QUOTENAME"),
];

#[test]
fn no_text_is_run_that_is_not_quoted_by_rule() {
    let (mut found, mut impersonating) = (BTreeSet::new(), Vec::new());
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            for n in 0..tokens.len() {
                if script::words(&tokens, n, &["EXEC"]) && tokens.get(n + 1) == Some(&Token::LParen) {
                    // One literal, of which sqlcmd may replace a variable.
                    let literal =
                        script::single_quoted(&tokens[n + 2]).is_some() && tokens[n + 3] == Token::RParen;
                    assert!(literal, "sql/{file}: EXEC of more than a literal");
                }
                if script::words(&tokens, n, &["EXECUTE", "AS"]) {
                    impersonating.push(format!("{file}: {}", script::code(&batch).lines().next().unwrap()));
                }
            }
            for n in (0..tokens.len()).filter(|&n| script::words(&tokens, n, &["sp_executesql"])) {
                found.insert((file.clone(), tokens[n + 1].to_string()));
            }
        }
    }
    let listed = DYNAMIC.iter().map(|(file, text, _)| (file.to_string(), text.to_string())).collect();
    assert_eq!(found, listed);
    // Only what takes no text of callers to run.
    assert_eq!(
        impersonating,
        [
            "scaleout/broker.sql: CREATE OR ALTER PROCEDURE [hart_work].[EnqueueWork]",
            "scaleout/broker.sql: IF NOT EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkQueue') AND activation_procedure IS NOT NULL)",
            "scaleout/broker.sql: IF NOT EXISTS (SELECT * FROM sys.service_queues WHERE object_id = OBJECT_ID(N'hart_work.WorkSenderQueue') AND activation_procedure IS NOT NULL)",
        ]
    );
}

/// What a member of hart_caller may do with the work behind the queue.
#[test]
fn callers_may_only_enqueue_work() {
    let broker = script::scripts().into_iter().find(|(name, _)| name == "scaleout/broker.sql").unwrap().1;
    let grants: Vec<&str> =
        broker.lines().filter(|l| l.trim_start().starts_with("GRANT ")).map(str::trim).collect();
    assert_eq!(grants, ["GRANT EXECUTE ON OBJECT::[hart_work].[EnqueueWork] TO [hart_caller];"]);
    for batch in script::batches(&broker) {
        let made = script::code(&batch);
        // EXECUTE on the schema hart is granted to callers.
        assert!(!made.contains("[hart]."), "{made}");
    }
}

/// A message is lost where its transaction is committed although a statement of it has failed.
#[test]
fn received_messages_are_stored_or_rolled_back() {
    let broker = script::scripts().into_iter().find(|(name, _)| name == "scaleout/broker.sql").unwrap().1;
    let mut receiving = 0;
    for batch in script::batches(&broker) {
        let tokens = script::tokens(&batch);
        if (0..tokens.len()).any(|n| script::words(&tokens, n, &["RECEIVE", "TOP"])) {
            receiving += 1;
            assert!(
                (0..tokens.len()).any(|n| script::words(&tokens, n, &["XACT_ABORT", "ON"])),
                "{}",
                script::code(&batch)
            );
        }
    }
    assert_eq!(receiving, 3);
}

/// A local table hides the caller's of that name from the caller's own query.
#[test]
fn no_local_table_hides_one_of_the_callers() {
    let mut checked = 0;
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            let Some((name, declared)) = script::procedure(&tokens) else { continue };
            let takes_query = declared.iter().any(|d| d.name == tsql::SOURCE);
            if !takes_query && name != "[hart].[VectorTopKFanOut]" {
                continue;
            }
            for n in 0..tokens.len() {
                let table = if script::words(&tokens, n, &["CREATE", "TABLE"]) { n + 2 } else { n + 1 };
                if table == n + 1 && !script::words(&tokens, n, &["INTO"]) {
                    continue;
                }
                let table = tokens[table].to_string();
                let table = table.trim_matches(['[', ']']);
                if table.starts_with('#') {
                    checked += 1;
                    assert!(table.starts_with("#hart_"), "sql/{file}: {name} makes {table}");
                }
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn inputs_that_several_kernels_share_have_a_table_type() {
    let mut shapes: BTreeMap<Vec<(&str, String)>, usize> = BTreeMap::new();
    for kernel in KERNELS.iter().filter(|k| !k.inputs.is_empty()) {
        let shape = kernel.inputs.iter().map(|c| (c.name, format!("{:?}", c.kind))).collect();
        *shapes.entry(shape).or_default() += 1;
    }
    let shared: BTreeSet<_> = shapes.into_iter().filter(|(_, n)| *n > 1).map(|(shape, _)| shape).collect();
    let types: BTreeSet<Vec<(&str, String)>> = tsql::TABLE_TYPES
        .iter()
        .map(|t| t.columns.iter().map(|(name, kind)| (*name, format!("{kind:?}"))).collect())
        .collect();
    assert_eq!(types, shared);
}

#[test]
fn source_and_source_rows_are_told_apart() {
    for kernel in KERNELS.iter().filter(|k| tsql::takes_source(k)) {
        let text = tsql::procedure(kernel);
        let takes_rows = tsql::table_type(kernel).is_some();
        for number in ["THROW 59908,", "THROW 59909,"] {
            assert_eq!(text.contains(number), takes_rows, "{}: {number}", kernel.name);
        }
        // A table type has the kernel's columns, and no other.
        let (missing, only) = ("(may be missing", "(may be missing; only in @source)");
        assert_eq!(text.contains(missing), !kernel.optional.is_empty(), "{}", kernel.name);
        assert_eq!(text.contains(only), takes_rows && !kernel.optional.is_empty(), "{}", kernel.name);
    }
}

/// Where the files of a language cannot be seen it may be anybody's.
#[test]
fn a_language_whose_files_cannot_be_seen_is_not_ours() {
    let mut checked = 0;
    for (file, text) in script::scripts().iter().filter(|(name, _)| name.starts_with("install/")) {
        for batch in script::batches(text) {
            let tokens = script::tokens(&batch);
            let has = |part: &str| script::find(&tokens, part).is_some();
            if has("THROW 59912") {
                checked += 1;
                assert!(has("LEFT JOIN sys.external_language_files"), "sql/{file}");
                assert!(has("f.file_name IS NULL OR f.file_name NOT IN"), "sql/{file}");
            }
        }
    }
    assert_eq!(checked, 3);
}

/// As whole numbers an empty text, a blank and a sign alone are 0 to SQL Server.
#[test]
fn texts_are_numbers_only_where_they_look_like_some() {
    let mut checked = 0;
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            let has = |part: &str| script::find(&tokens, part).is_some();
            if has("TRY_CAST([value] AS") {
                checked += 1;
                let guarded = has("[type] <> 2") || has("NOT LIKE N'%[0-9]%'");
                assert!(guarded, "sql/{file}: {}", script::code(&batch).lines().next().unwrap());
            }
        }
    }
    assert!(checked >= 4, "{checked}");
}

/// SQL Server puts such functions into the query that calls them; one that calls another could not be made anew if it were bound.
#[test]
fn scalar_functions_can_be_inlined() {
    let mut checked = 0;
    for (file, text) in script::scripts().iter().filter(|(name, _)| name.starts_with("functions/")) {
        for batch in script::batches(text).into_iter().filter(|b| b.contains("CREATE OR ALTER FUNCTION")) {
            let tokens = script::tokens(&batch);
            let count =
                |word: &str| (0..tokens.len()).filter(|&n| script::words(&tokens, n, &[word])).count();
            let calls_another = batch.matches("[Schema].[").count() > 1;
            let first = script::code(&batch).lines().next().unwrap().to_string();
            assert_eq!(count("SCHEMABINDING") == 0, calls_another, "sql/{file}: {first}");
            // It prevents inlining.
            if count("STRING_AGG") == 0 {
                checked += 1;
                assert_eq!(count("RETURN"), 1, "sql/{file}: {first}");
            }
        }
    }
    assert!(checked >= 7, "{checked}");
}

/// A component that is left out makes a vector of another dimension; a factor that is a whole number has no -0.
#[test]
fn packed_forms_keep_every_component_and_sign() {
    let packed = script::scripts().into_iter().find(|(name, _)| name == "functions/packed.sql").unwrap().1;
    for batch in script::batches(&packed) {
        let tokens = script::tokens(&batch);
        let has = |part: &str| script::find(&tokens, part).is_some();
        if has("FROM OPENJSON(") {
            assert!(has("WHEN a.[type] = 2 THEN a.[value] ELSE"), "{batch}");
        }
        assert!(!has("@sign int"), "{batch}");
    }
}

/// A procedure that undoes its work must not undo its caller's.
#[test]
fn transactions_within_one_have_a_savepoint() {
    let mut checked = 0;
    for (file, text) in script::scripts().iter().filter(|(name, _)| name.starts_with("hartonomous/")) {
        for batch in script::batches(text) {
            let tokens = script::tokens(&batch);
            let has = |wanted: &[&str]| (0..tokens.len()).any(|n| script::words(&tokens, n, wanted));
            if has(&["BEGIN", "TRANSACTION"]) {
                checked += 1;
                assert!(has(&["SAVE", "TRANSACTION"]) && has(&["BEGIN", "CATCH"]), "sql/{file}");
            }
        }
    }
    assert_eq!(checked, 4);
}

/// Every query is looked at; what SQL Server cannot describe it says itself.
#[test]
fn the_check_of_a_query_has_no_way_around() {
    let core = script::scripts().into_iter().find(|(name, _)| name == "install/core.sql").unwrap().1;
    let check = script::batches(&core).into_iter().find(|b| b.contains("[hart].[PrepareSource]")).unwrap();
    let tokens = script::tokens(&check);
    let position = |wanted: &[&str]| (0..tokens.len()).find(|&n| script::words(&tokens, n, wanted)).unwrap();
    assert!(position(&["RETURN"]) > position(&["dm_exec_describe_first_result_set"]));
}

/// Work that ends its session counts as an attempt, and an empty batch calls nobody.
#[test]
fn work_is_given_up_and_never_empty() {
    let broker = script::scripts().into_iter().find(|(name, _)| name == "scaleout/broker.sql").unwrap().1;
    let run = script::batches(&broker).into_iter().find(|b| b.contains("[hart_work].[RunWork]")).unwrap();
    let tokens = script::tokens(&run);
    let mut statements = tokens.split(|token| *token == Token::SemiColon);
    let stale = statements.find(|s| script::find(s, "@stale_minutes, SYSUTCDATETIME").is_some()).unwrap();
    assert!(script::find(stale, "WHEN i.attempts >= h.max_attempts THEN 'failed'").is_some(), "{stale:?}");
    let after = &tokens[script::find(&tokens, "UPDATE next_items").unwrap()..];
    let before = &after[..script::find(after, "EXEC @procedure").unwrap()];
    assert!(script::find(before, "IF @@ROWCOUNT = 0 CONTINUE;").is_some(), "{before:?}");
}

#[test]
fn names_are_quoted_by_rule() {
    assert_eq!(tsql::quoted("part]; DROP TABLE x --"), "[part]]; DROP TABLE x --]");
    assert_eq!(tsql::quoted("größe"), "[größe]");
}

/// Numbers from 59000 in a text.
fn numbers(text: &str) -> BTreeSet<u32> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|w| w.len() == 5 && w.starts_with("59")).map(|w| w.parse().unwrap()).collect()
}

#[test]
fn every_error_number_is_in_the_troubleshooting_guide() {
    let root = script::folder().join("..");
    let guide = std::fs::read_to_string(root.join("docs/TROUBLESHOOTING.md")).unwrap();
    let mut thrown: BTreeSet<u32> = BTreeSet::from([59000, 59900]);
    for (_, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            for n in (0..tokens.len()).filter(|&n| script::words(&tokens, n, &["THROW"])) {
                if let Some(Token::Number(number, _)) = tokens.get(n + 1) {
                    thrown.insert(number.parse().unwrap());
                }
            }
        }
    }
    // Statements that the command `hart` makes.
    for entry in std::fs::read_dir(root.join("sqlhost/hart/src/server")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        thrown.extend(text.split("THROW ").skip(1).filter_map(|rest| rest.get(..5)?.parse::<u32>().ok()));
    }
    // The application's own number, which its callers know.
    assert!(thrown.remove(&50001));
    let codes: BTreeSet<u32> =
        hart_kernels::Error::CODES.iter().map(|(_, code, _)| u32::from(*code)).collect();
    for code in &codes {
        assert!(guide.contains(&format!("\n| {code} | {} |", 59000 + code)), "error {code}");
    }
    thrown.extend(codes.iter().map(|code| 59000 + code));
    assert_eq!(numbers(&guide), thrown);
}

fn document(name: &str) -> String {
    std::fs::read_to_string(script::folder().join("../docs").join(name)).unwrap()
}

/// Objects that the scripts create, as `schema.name` without brackets.
fn created() -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (_, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            for n in 0..tokens.len() {
                let kind = ["PROCEDURE", "FUNCTION", "VIEW", "TRIGGER", "TABLE", "TYPE", "QUEUE"];
                let made = n > 0
                    && kind.iter().any(|k| script::words(&tokens, n, &[k]))
                    && (script::words(&tokens, n - 1, &["CREATE"])
                        || script::words(&tokens, n - 1, &["ALTER"]));
                if made && tokens.get(n + 2) == Some(&Token::Period) {
                    let part = |at: usize| tokens[at].to_string().trim_matches(['[', ']']).to_string();
                    // sqlcmd's variable stands for itself.
                    out.insert(format!("{}.{}", part(n + 1).replace("Schema", "dbo"), part(n + 3)));
                }
            }
        }
    }
    out
}

/// Names of a schema in a text.
fn named(text: &str, schema: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = BTreeSet::new();
    for (at, _) in text.match_indices(&format!("{schema}.")) {
        let before = text[..at].chars().next_back();
        let name: String = text[at + schema.len() + 1..].chars().take_while(|c| word(*c)).collect();
        if !before.is_some_and(|c| word(c) || c == '/' || c == '.' || c == '-') && !name.is_empty() {
            out.insert(format!("{schema}.{name}"));
        }
    }
    out
}

#[test]
fn documents_name_what_the_scripts_create() {
    let created = created();
    let mut checked = 0;
    for file in
        ["CLR-MIGRATION.md", "SECURITY-MODEL.md", "INSTALL.md", "TROUBLESHOOTING.md", "PERFORMANCE.md"]
    {
        let text = document(file);
        // Files that have the schema's name.
        let known = ["hart.h", "hart.zip", "hart.exe"];
        for name in named(&text, "hart").into_iter().chain(named(&text, "hart_work")) {
            checked += 1;
            assert!(created.contains(&name) || known.contains(&&*name), "docs/{file} names {name}");
        }
    }
    assert!(checked > 40, "{checked}");
    // The scalar functions and procedures that replace something.
    let made = |name: &String| created.contains(name);
    for name in named(&document("CLR-MIGRATION.md"), "dbo") {
        let old = name.starts_with("dbo.clr_") || name.starts_with("dbo.agg_") || name.starts_with("dbo.fn_");
        // Old names, and tables of the examples.
        let example = [
            "dbo.X",
            "dbo.Documents",
            "dbo.SessionAtoms",
            "dbo.AtomEmbeddings",
            "dbo.DayStates",
            "dbo.VectorCentroid",
        ];
        assert!(old || example.contains(&&*name) || made(&name), "docs/CLR-MIGRATION.md names {name}");
    }
}

/// What the replaced assembly and its scripts offered, family by family.
const REPLACED: &[&[&str]] = &[
    &[
        "clr_VectorDotProduct",
        "clr_VectorCosineSimilarity",
        "clr_VectorEuclideanDistance",
        "clr_VectorNorm",
        "clr_VectorNormalize",
        "clr_VectorAdd",
        "clr_VectorSubtract",
        "clr_VectorScale",
        "clr_VectorLerp",
        "clr_VectorSoftmax",
        "clr_VectorArgMax",
        "clr_VectorAverage",
        "VectorUtilities",
        "ParsePointWkt",
        "VectorMath",
        "SimdHelpers",
    ],
    &[
        "LandmarkProjection",
        "fn_ProjectTo3D",
        "clr_ProjectToPoint",
        "clr_CreateGeometryPointWithImportance",
        "sp_ComputeSpatialProjection",
        "sp_InitializeSpatialAnchors",
        "CreateLineStringFromWeights",
        "CreateMultiLineStringFromWeights",
        "ModelIngestionFunctions.CreateMultiLineStringFromWeights",
        "SpatialConvexHull",
        "SpatialDensityGrid",
        "agg_BuildPathFromAtoms",
        "clr_ComputeHilbertValue",
        "clr_ComputeMortonValue",
        "clr_InverseMorton",
        "clr_InverseHilbert",
        "clr_HilbertRangeStart",
        "fn_ComputeHilbertValue",
        "fn_InverseHilbert",
        "fn_HilbertRangeStart",
        "SpaceFillingCurves",
        "fn_CreateSpatialPoint",
        "fn_GetContextCentroid",
        "fn_SpatialKNN",
    ],
    &[
        "clr_SvdDecompose",
        "clr_ReconstructFromSVD",
        "clr_SynthesizeModelLayer",
        "clr_StoreTensorAtomPayload",
        "clr_GetTensorAtomPayload",
        "clr_JsonFloatArrayToBytes",
        "clr_BytesToFloatArrayJson",
        "clr_BinaryToFloat",
        "ConvertVarbinary4ToReal",
        "ClrTensorProvider",
        "SqlTensorProvider",
        "Dequantizers",
        "SVDCompression",
        "MatrixFactorization",
        "MachineLearning.MahalanobisDistance",
        "MachineLearning.TSNEProjection",
        "clr_ParseModelLayer",
        "ParseGGUFTensorCatalog",
        "ReadFilestreamChunk",
    ],
    &[
        "VectorMeanVariance",
        "VectorCentroid",
        "VectorCovariance",
        "GeometricMedian",
        "StreamingSoftmax",
        "VectorKMeansCluster",
        "VectorSequencePatterns",
        "VectorARForecast",
        "DTWDistance",
        "ChangePointDetection",
        "IsolationForestScore",
        "LocalOutlierFactor",
        "DBSCANCluster",
        "MahalanobisDistance",
        "PrincipalComponentAnalysis",
        "TSNEProjection",
        "RandomProjection",
        "GraphPathVectorSummary",
        "EdgeWeightedByVectorSimilarity",
        "VectorDriftOverTime",
        "VectorAttentionAggregate",
        "AutoencoderCompression",
        "GradientStatistics",
        "CosineAnnealingSchedule",
    ],
    &["fn_DiscoverConcepts", "fn_BindConcepts", "fn_BindAtomsToCentroid"],
    &[
        "DistanceMetrics",
        "IsolationForest",
        "DBSCANClustering",
        "DTWAlgorithm",
        "CUSUMDetector",
        "ComputationalGeometry",
        "NumericalMethods",
    ],
];

#[test]
fn every_replaced_name_is_in_the_migration_guide() {
    let guide = document("CLR-MIGRATION.md");
    // The first column of the tables.
    let rows: Vec<&str> =
        guide.lines().filter(|l| l.starts_with("| ")).filter_map(|l| l.split('|').nth(1)).collect();
    let names =
        |row: &&str| -> Vec<String> { row.split('`').skip(1).step_by(2).map(str::to_string).collect() };
    let listed: BTreeSet<String> = rows.iter().flat_map(names).collect();
    for name in REPLACED.iter().copied().flatten() {
        let listed = listed.iter().any(|l| l == name || l.rsplit('.').next() == Some(name));
        assert!(listed, "{name} is in no first column of docs/CLR-MIGRATION.md");
    }
}
