//! The crate knows no SQL: what its callers read, in the registry and in errors, has none of its words and no `@` before names.
//! What T-SQL's callers must know stands in the rows' field `sql` alone.

use std::fs;
use std::path::Path;

use hart_kernels::registry::KERNELS;
use proc_macro2::{TokenStream, TokenTree};

/// Words that only SQL has in this spelling.
const EXACT: &[&str] = &[
    "SQL",
    "SQLCLR",
    "SELECT",
    "JOIN",
    "CAST",
    "CONVERT",
    "OUTPUT",
    "FLOAT",
    "REAL",
    "GEOMETRY",
    "GEOGRAPHY",
    "VECTOR_DISTANCE",
    "VECTOR_NORM",
    "VECTOR_NORMALIZE",
    "AsTextZM",
    "AsBinaryZM",
    "MakeValid",
    "ToString",
    "KERNELS",
];
/// Words that have no other meaning in any spelling.
const ANY_CASE: &[&str] =
    &["varbinary", "varchar", "nvarchar", "bigint", "smallint", "tinyint", "uniqueidentifier", "server"];

/// What a text says in SQL's words, if anything.
fn sql_in(text: &str) -> Option<&str> {
    let is_method = |word: &str| {
        word.strip_prefix("ST").is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_uppercase())
                && rest.contains(|c: char| c.is_ascii_lowercase())
        })
    };
    let is_sql = |word: &&str| {
        EXACT.contains(word) || ANY_CASE.iter().any(|w| w.eq_ignore_ascii_case(word)) || is_method(word)
    };
    let at = text.find('@').map(|at| &text[at..]);
    at.or_else(|| text.split(|c: char| !c.is_alphanumeric() && c != '_').find(is_sql))
}

/// Appends the string literals of code, but for documentation and for what is marked as SQL: the field `sql`, and constants
/// whose names begin with `SQL`.
fn literals(code: TokenStream, out: &mut Vec<String>) {
    let (mut attribute, mut sql) = (false, false);
    for token in code {
        match token {
            TokenTree::Group(_) if attribute => attribute = false,
            TokenTree::Group(group) => literals(group.stream(), out),
            TokenTree::Punct(p) => {
                // `#` of an attribute; the `!` of an inner one keeps it.
                attribute = p.as_char() == '#' || attribute && p.as_char() == '!';
                sql &= !matches!(p.as_char(), ',' | ';');
            }
            TokenTree::Ident(name) => {
                attribute = false;
                sql |= name == "sql" || name.to_string().starts_with("SQL");
            }
            TokenTree::Literal(literal) if !sql && literal.to_string().starts_with(['"', 'r']) => {
                out.push(literal.to_string());
            }
            TokenTree::Literal(_) => {}
        }
    }
}

/// The string literals of the shipped code with their file.
fn all_literals(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_literals(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let mut found = Vec::new();
            literals(shipped.parse().unwrap(), &mut found);
            out.extend(found.into_iter().map(|literal| (path.display().to_string(), literal)));
        }
    }
}

#[test]
fn the_registry_has_sql_only_where_it_says_so() {
    for kernel in KERNELS {
        let mut texts = vec![
            kernel.summary,
            kernel.details,
            kernel.nulls,
            kernel.empty,
            kernel.nan,
            kernel.accuracy,
            kernel.elements,
            kernel.source,
        ];
        let columns = kernel.inputs.iter().chain(kernel.outputs);
        texts.extend(columns.flat_map(|c| [c.name, c.kind.name(), c.unit, c.summary]));
        let of_params: Vec<String> = kernel.params.iter().map(|p| p.kind.describe()).collect();
        let streaming = kernel.streaming.describe();
        texts.push(&streaming);
        texts.extend(kernel.params.iter().flat_map(|p| [p.name, p.summary, p.default.unwrap_or_default()]));
        texts.extend(of_params.iter().map(String::as_str));
        for text in texts {
            assert_eq!(sql_in(text), None, "{}: {text}", kernel.name);
        }
    }
}

#[test]
fn no_literal_has_words_of_sql() {
    let mut all = Vec::new();
    all_literals(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 1000, "{} literals", all.len());
    for (path, literal) in all {
        assert_eq!(sql_in(&literal), None, "{path}: {literal}");
    }
}

#[test]
fn words_of_sql_are_found() {
    for text in [
        "a multiple of @k",
        "SQL Server's",
        "a VarChar(40)",
        "on the server",
        "as STDistance has it",
        "(CAST)",
    ] {
        assert!(sql_in(text).is_some(), "{text}");
    }
    for text in
        ["NULL gives NULL.", "dialect = sql_server", "STOP", "a geometry, cast to f32", "GEOMETRYCOLLECTION"]
    {
        assert_eq!(sql_in(text), None);
    }
    let mut found = Vec::new();
    let code = "#![doc = \"SQL\"] /// SQL\nstatic K: Kernel = Kernel { name: \"a\", sql: \"b\", run: |_| f(\"c\") }; const SQL_X: &str = \"d\";";
    literals(code.parse().unwrap(), &mut found);
    assert_eq!(found, ["\"a\"", "\"c\""]);
}
