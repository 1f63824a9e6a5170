//! Rules for the scripts under `sql` and their documents, so that a first installation on a server does not stumble: each sqlcmd, each
//! version, each form of a query.

use sqlparser::tokenizer::Token;

use crate::common::script;
use std::collections::BTreeSet;

fn document(name: &str) -> String {
    std::fs::read_to_string(script::folder().join("../docs").join(name)).unwrap()
}

/// THROW takes its text for a format: a percent sign of somebody else's text would begin one.
#[test]
fn texts_of_others_are_no_formats() {
    let mut checked = 0;
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let lines: Vec<&str> = batch.lines().map(str::trim).collect();
            for (n, line) in lines.iter().enumerate().filter(|(_, l)| l.starts_with("THROW ") && l.len() > 7)
            {
                let message = line.split(", ").nth(1).unwrap();
                if message.starts_with("N'") {
                    assert!(!line.replace("%%", "").contains('%'), "sql/{file}: {line}");
                    continue;
                }
                checked += 1;
                let doubled = format!("SET {message} = REPLACE(LEFT(@");
                let before = lines[n - 1];
                assert!(
                    before.starts_with(&doubled) && before.ends_with("), N'%', N'%%');"),
                    "sql/{file}: {before}"
                );
            }
        }
    }
    assert!(checked >= 12, "{checked}");
}

/// The description of a query knows neither VECTOR nor JSON: an empty table does, and it is made only of what SQL Server takes for a table.
#[test]
fn the_types_of_a_query_are_those_of_an_empty_table() {
    let core = script::scripts().into_iter().find(|(name, _)| name == "install/core.sql").unwrap().1;
    let check = script::batches(&core).into_iter().find(|b| b.contains("[hart].[PrepareSource]")).unwrap();
    let check = script::tokens(&check);
    let at = |part: &str| script::find(&check, part).unwrap_or_else(|| panic!("{part}"));
    let run = |part: &str| {
        let holds =
            |token: &Token| matches!(token, Token::NationalStringLiteral(text) if text.contains(part));
        check.iter().position(holds).unwrap_or_else(|| panic!("{part}"))
    };
    let order = [
        at("sys.dm_exec_describe_first_result_set(@source"),
        at("name IN (N'vector', N'json')"),
        at("sys.dm_exec_describe_first_result_set(@text"),
        at("IF @unsure = 1 AND @fits = 1"),
        run("SELECT TOP (0) * INTO [#hart_probe]"),
        run("FROM tempdb.sys.columns"),
        at("THROW 59904"),
        at("WHEN type_name LIKE N'vector%' THEN CONCAT(N'CAST([c',"),
    ];
    assert!(order.is_sorted(), "{order:?}");
    // The whole text of an error, which may be longer than nvarchar(4000) holds.
    at("error_message nvarchar(max) NULL");
}

/// What a query becomes: the texts that PrepareSource puts together, for the forms that a query may have, are statements.
#[test]
fn queries_of_every_form_can_be_put_between_parentheses() {
    let names = "[c1], [c2]";
    for (source, main, end) in [
        ("SELECT id, v FROM dbo.t -- end", "SELECT", ""),
        ("SELECT TOP (3) id, v FROM dbo.t ORDER BY id", "SELECT", ""),
        ("SELECT id, v FROM dbo.t ORDER BY id", "SELECT", "OFFSET 0 ROWS"),
        ("SELECT 1, 'a' UNION ALL SELECT 2, 'b'", "SELECT", ""),
        (
            "WITH a AS (SELECT id, v FROM dbo.t), b AS (SELECT id, v FROM a) SELECT id, v FROM b WHERE id IN (SELECT 1)",
            "SELECT id, v FROM b",
            "",
        ),
    ] {
        let select = source.find(main).unwrap();
        let text = format!("({}\n{end})", &source[select..]);
        let (before, after) = match select {
            0 => (String::new(), format!(" FROM {text} AS [source] ({names})")),
            _ => (
                format!("{}, [hart_source] ({names}) AS {text} ", &source[..select]),
                " FROM [hart_source] AS [source]".into(),
            ),
        };
        for list in ["TOP (0) *", "CAST([c1] AS varchar(max)) AS [id], [c2] AS [v]"] {
            let query = format!("{before}SELECT {list}{after}");
            script::parse(&query).unwrap_or_else(|e| panic!("{e}: {query}"));
        }
    }
}

/// Errors that stand in the place of the kernel's line, or before the library is there.
#[test]
fn errors_that_hide_the_cause_are_known() {
    let core = script::scripts().into_iter().find(|(name, _)| name == "install/core.sql").unwrap().1;
    let rethrow =
        script::batches(&core).into_iter().find(|b| b.contains("[hart].[RethrowKernelError]")).unwrap();
    let rethrow = script::tokens(&rethrow);
    for part in ["WHEN @error IN (11536, 39004, 39019)", "WHEN @error = 39111"] {
        assert!(script::find(&rethrow, part).is_some(), "{part}");
    }
    let guide = document("TROUBLESHOOTING.md");
    for number in [11536, 39004, 39019, 39111, 46063] {
        assert!(guide.contains(&format!("\n| {number} ")), "{number}");
    }
}

/// In whoever is called by INSERT … EXEC that statement fails (8164), so it says so; the searches do without.
#[test]
fn procedures_that_cannot_be_nested_say_so() {
    let mut nested = BTreeSet::new();
    for (file, text) in script::scripts() {
        for batch in script::batches(&text) {
            let tokens = script::tokens(&batch);
            let Some((name, _)) = script::procedure(&tokens) else { continue };
            let within = (0..tokens.len())
                .any(|n| script::words(&tokens, n, &["INSERT"]) && script::insert_exec(&tokens, n).is_some());
            let head: String = batch.lines().take_while(|l| !l.starts_with("CREATE")).collect();
            assert_eq!(within, head.contains("8164"), "sql/{file}: the head of {name}");
            if within {
                nested.insert(name);
            }
        }
    }
    for name in [
        "[hart].[VectorTopKFanOut]",
        "dbo.sp_SemanticSearch",
        "dbo.sp_HybridSearch",
        "dbo.sp_ComputeSpatialProjection",
    ] {
        assert!(!nested.contains(name), "{name}");
    }
    assert!(nested.len() >= 6, "{nested:?}");
}

/// Databases of lower levels, which an upgraded server has, lack it; `hart verify` makes its own database.
#[test]
fn nothing_needs_a_higher_compatibility_level() {
    for (file, text) in script::scripts().iter().filter(|(name, _)| !name.starts_with("verify/")) {
        for batch in script::batches(text) {
            let tokens = script::tokens(&batch);
            let series = (0..tokens.len()).any(|n| script::words(&tokens, n, &["GENERATE_SERIES"]));
            assert!(!series, "sql/{file}: {}", script::code(&batch).lines().next().unwrap());
        }
    }
}

/// ODBC's sqlcmd on Linux and macOS has neither -v nor -f, and go-sqlcmd no -f; no line depends on -I.
#[test]
fn lines_of_sqlcmd_work_in_all_three() {
    let mut checked = 0;
    let texts = script::scripts().into_iter().chain(
        ["INSTALL.md", "EXTERNAL-LANGUAGE.md", "TROUBLESHOOTING.md", "CLR-MIGRATION.md", "SPATIAL-KEYS.md"]
            .map(|name| (name.to_string(), document(name))),
    );
    for (file, text) in texts {
        for line in text.lines().filter(|l| l.contains("sqlcmd -")) {
            checked += 1;
            let mut words = line.split_whitespace().skip_while(|w| !w.ends_with("sqlcmd")).skip(1);
            while let Some(word) = words.next() {
                let option = word.trim_start_matches('`').trim_end_matches('`');
                if ["-b", "-x", "-C"].contains(&option) {
                    continue;
                }
                let known = ["-S", "-U", "-d", "-i", "-Q"].contains(&option) && words.next().is_some();
                assert!(known || !option.starts_with('-') || option.starts_with("--"), "{file}: {line}");
            }
        }
    }
    assert!(checked > 15, "{checked}");
    // An empty text is refused (46063), so there is a way to leave it out.
    for (file, text) in script::scripts() {
        assert!(!text.contains("PARAMETERS = N'')"), "sql/{file}");
        if file.starts_with("install/language-") {
            assert!(text.contains("WHEN N'$(Parameters)' IN (N'none', N'') THEN N''"), "sql/{file}");
        }
    }
}

/// Every variable of a script is one that its head names.
#[test]
fn variables_of_sqlcmd_are_in_the_heads() {
    for (file, text) in script::scripts() {
        for (at, _) in text.match_indices("$(") {
            let name = text[at + 2..].split(')').next().unwrap();
            let set = [format!("{name}="), format!("set {name}=")];
            assert!(set.iter().any(|s| text.contains(s)), "sql/{file}: $({name})");
        }
    }
}
