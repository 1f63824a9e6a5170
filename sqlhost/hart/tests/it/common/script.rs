//! T-SQL scripts cut into batches, tokens and calls, for tests that read them back.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

/// The folder `sql`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql")
}

/// All scripts as (path below `sql` with `/`, text), in order.
pub fn scripts() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
        for path in std::fs::read_dir(&entry).unwrap().map(|e| e.unwrap().path()) {
            if path.extension().is_some_and(|e| e == "sql") {
                let name = path.strip_prefix(folder()).unwrap().to_string_lossy().replace('\\', "/");
                out.push((name, std::fs::read_to_string(&path).unwrap().replace("\r\n", "\n")));
            }
        }
    }
    out.sort();
    out
}

/// What sqlcmd makes of a script: its own lines are left out, variables stand for values, and GO ends a batch.
pub fn batches(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    for line in text.lines() {
        if line.trim().eq_ignore_ascii_case("GO") {
            out.push(String::new());
        } else if !line.starts_with(':') {
            let last = out.last_mut().unwrap();
            last.push_str(&variables(line));
            last.push('\n');
        }
    }
    out.retain(|batch| !tokens(batch).is_empty());
    out
}

/// sqlcmd's `$(Name)`: dimensions are a number, anything else stands for itself.
fn variables(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("$(") {
        let (name, behind) = after.split_once(')').expect("$( without )");
        out.push_str(before);
        out.push_str(if name == "Dimensions" { "1998" } else { name });
        rest = behind;
    }
    out + rest
}

pub fn tokens(batch: &str) -> Vec<Token> {
    let tokens = Tokenizer::new(&MsSqlDialect {}, batch).tokenize().unwrap();
    tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect()
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// Whether the words stand at `at`.
pub fn words(tokens: &[Token], at: usize, wanted: &[&str]) -> bool {
    wanted.iter().enumerate().all(|(n, word)| tokens.get(at + n).is_some_and(|t| is(t, word)))
}

/// Where the parser sees this text: the position of its tokens, whatever the blanks, the comments and the case of words.
pub fn find(tokens: &[Token], text: &str) -> Option<usize> {
    let same = |a: &Token, b: &Token| match (a, b) {
        (Token::Word(a), Token::Word(b)) => {
            a.quote_style == b.quote_style && a.value.eq_ignore_ascii_case(&b.value)
        }
        _ => a == b,
    };
    let wanted = self::tokens(text);
    tokens.windows(wanted.len()).position(|found| found.iter().zip(&wanted).all(|(a, b)| same(a, b)))
}

/// Position behind the parenthesis that closes the one at `open`.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    assert_eq!(tokens[open], Token::LParen);
    let mut depth = 0usize;
    for (n, token) in tokens[open..].iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + n + 1;
        }
    }
    panic!("a parenthesis is not closed");
}

/// Beginnings of statements that sqlparser 0.64 does not know, or not everywhere, each with the page below
/// https://learn.microsoft.com/sql/t-sql/ that documents it. They have no block and no statement within.
pub const UNKNOWN_STATEMENTS: &[(&[&str], &str)] = &[
    (&["BREAK"], "language-elements/break-transact-sql"),
    (&["CONTINUE"], "language-elements/continue-transact-sql"),
    (&["BEGIN", "TRANSACTION"], "language-elements/begin-transaction-transact-sql"),
    (&["SAVE", "TRANSACTION"], "language-elements/save-transaction-transact-sql"),
    (&["ROLLBACK", "TRANSACTION"], "language-elements/rollback-transaction-transact-sql"),
    (&["BEGIN", "DIALOG"], "statements/begin-dialog-conversation-transact-sql"),
    (&["END", "CONVERSATION"], "statements/end-conversation-transact-sql"),
    (&["SEND", "ON", "CONVERSATION"], "statements/send-transact-sql"),
    (&["RECEIVE", "TOP"], "statements/receive-transact-sql"),
    (&["WAITFOR"], "language-elements/waitfor-transact-sql"),
    (&["ALTER", "QUEUE"], "statements/alter-queue-transact-sql"),
];

/// The batch in words that sqlparser 0.64 knows, and the lists of WITH RESULT SETS, to be parsed as tables. Each rewriting keeps
/// all that it does not name.
pub fn rewritten(tokens: &[Token]) -> (Vec<Token>, Vec<Vec<Token>>) {
    let mut out: Vec<Token> = Vec::new();
    let mut results = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if words(tokens, at, &["BEGIN", "TRY"]) || words(tokens, at, &["BEGIN", "CATCH"]) {
            // Blocks of their own: BEGIN … END; BEGIN … END;
            out.push(tokens[at].clone());
            at += 2;
        } else if words(tokens, at, &["END", "TRY"]) {
            out.extend([tokens[at].clone(), Token::SemiColon]);
            at += 2;
        } else if words(tokens, at, &["END", "CATCH"]) {
            out.push(tokens[at].clone());
            at += 2;
        } else if words(tokens, at, &["WITH", "RESULT", "SETS"]) {
            // An EXEC without it, and a table with its columns.
            let end = closing(tokens, at + 3);
            results.push(tokens[at + 4..end - 1].to_vec());
            at = end;
        } else if words(tokens, at, &["READONLY"])
            || words(tokens, at, &["OUTPUT"])
                && matches!(tokens.get(at + 1), Some(Token::Comma | Token::RParen | Token::SemiColon))
        {
            // Parameters and arguments without their direction.
            at += 1;
        } else if UNKNOWN_STATEMENTS.iter().any(|(start, _)| words(tokens, at, start)) {
            // Another statement without arguments.
            out.extend(Tokenizer::new(&MsSqlDialect {}, "RETURN").tokenize().unwrap());
            let end = (at..tokens.len()).find(|&n| tokens[n] == Token::SemiColon);
            at = end.expect("a semicolon ends the statement");
        } else if words(tokens, at, &["WITH", "SCHEMABINDING", "AS"]) {
            at += 2;
        } else if words(tokens, at, &["WITH", "EXECUTE", "AS", "OWNER"]) {
            at += 4;
        } else if words(tokens, at, &["geometry"]) && tokens.get(at + 1) == Some(&Token::DoubleColon) {
            // A type's static method as a function.
            at += 2;
        } else if words(tokens, at, &["INSERT"]) && insert_exec(tokens, at).is_some() {
            // INSERT … EXEC as the EXEC alone.
            at = insert_exec(tokens, at).unwrap();
        } else if words(tokens, at, &["AT"]) && out.last() == Some(&Token::RParen) {
            // EXEC (…) AT server as the EXEC alone.
            at += 2;
        } else if words(tokens, at, &["CREATE", "TYPE"]) && words(tokens, at + 5, &["AS", "TABLE"]) {
            // A table type as a table.
            out.push(tokens[at].clone());
            out.extend(Tokenizer::new(&MsSqlDialect {}, "TABLE").tokenize().unwrap());
            out.extend_from_slice(&tokens[at + 2..at + 5]);
            at += 7;
        } else if words(tokens, at, &["FOR", "SYSTEM_TIME", "AS", "OF"]) {
            // A table as of now.
            at += 5;
        } else if words(tokens, at, &["FOR", "SYSTEM_TIME", "ALL"]) {
            at += 3;
        } else {
            out.push(tokens[at].clone());
            at += 1;
        }
    }
    (out, results)
}

/// Where `INSERT [INTO] target [(columns)]` is followed by EXEC: its position.
pub fn insert_exec(tokens: &[Token], insert: usize) -> Option<usize> {
    let mut at = insert + 1;
    if words(tokens, at, &["INTO"]) {
        at += 1;
    }
    at += 1;
    while tokens.get(at) == Some(&Token::Period) {
        at += 2;
    }
    if tokens.get(at) == Some(&Token::LParen) {
        at = closing(tokens, at);
    }
    (words(tokens, at, &["EXEC"])).then_some(at)
}

/// Parses a batch, and each of its result sets as a table.
pub fn parse(batch: &str) -> Result<(), String> {
    let (statements, results) = rewritten(&tokens(batch));
    let parse = |tokens: Vec<Token>| {
        Parser::new(&MsSqlDialect {}).with_tokens(tokens).parse_statements().map_err(|e| e.to_string())
    };
    let parsed = parse(statements)?;
    if parsed.is_empty() {
        return Err("no statement".into());
    }
    for columns in results {
        let mut table = Tokenizer::new(&MsSqlDialect {}, "CREATE TABLE [result] ").tokenize().unwrap();
        table.extend(columns);
        parse(table)?;
    }
    Ok(())
}

/// A parameter that a procedure declares.
#[derive(Debug, PartialEq)]
pub struct Declared {
    /// Name without `@`.
    pub name: String,
    /// Type as written, without blanks.
    pub sql: String,
    /// Default as written.
    pub default: Option<Token>,
    /// READONLY or OUTPUT.
    pub direction: Option<String>,
}

/// A call of sp_execute_external_script.
#[derive(Debug)]
pub struct ScriptCall {
    /// Arguments by name without `@`.
    pub arguments: Vec<(String, Token)>,
    /// Names and types of WITH RESULT SETS.
    pub results: Vec<(String, String)>,
    /// Columns of the INSERT before it.
    pub inserted: Option<Vec<String>>,
}

/// Splits at commas outside of parentheses.
fn items(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut out, mut start, mut depth) = (Vec::new(), 0, 0i32);
    for (n, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::Comma if depth == 0 => {
                out.push(&tokens[start..n]);
                start = n + 1;
            }
            _ => {}
        }
    }
    if start < tokens.len() {
        out.push(&tokens[start..]);
    }
    out
}

fn written(tokens: &[Token]) -> String {
    tokens.iter().map(ToString::to_string).collect()
}

/// The name behind a leading `@`.
fn variable(token: &Token) -> Option<String> {
    token.to_string().strip_prefix('@').map(str::to_string)
}

/// Name of the procedure that the batch creates, and its parameters.
pub fn procedure(tokens: &[Token]) -> Option<(String, Vec<Declared>)> {
    let at = (0..tokens.len()).find(|&n| words(tokens, n, &["PROCEDURE"]))? + 1;
    let end =
        (at..tokens.len()).find(|&n| matches!(&tokens[n], Token::LParen) || words(tokens, n, &["AS"]))?;
    let name = written(&tokens[at..end]);
    let mut declared = Vec::new();
    if tokens[end] == Token::LParen {
        let close = closing(tokens, end);
        for item in items(&tokens[end + 1..close - 1]) {
            let mut item = item.to_vec();
            let direction = ["READONLY", "OUTPUT"].iter().find(|w| is(item.last().unwrap(), w));
            if direction.is_some() {
                item.pop();
            }
            let equal = item.iter().position(|t| *t == Token::Eq);
            declared.push(Declared {
                name: variable(&item[0]).unwrap(),
                sql: written(&item[1..equal.unwrap_or(item.len())]),
                default: equal.map(|e| match &item[e + 1..] {
                    [Token::Minus, Token::Number(digits, long)] => Token::Number(format!("-{digits}"), *long),
                    rest => rest[0].clone(),
                }),
                direction: direction.map(ToString::to_string),
            });
        }
        let body = words(tokens, close, &["AS"]) || words(tokens, close, &["WITH", "EXECUTE", "AS"]);
        assert!(body, "{name}: AS follows the parameters");
    }
    Some((name, declared))
}

/// Every call of a procedure in the batch: its name, arguments and result sets.
pub fn calls(tokens: &[Token]) -> Vec<(String, ScriptCall)> {
    let mut out = Vec::new();
    for exec in (0..tokens.len()).filter(|&n| words(tokens, n, &["EXEC"])) {
        let mut at = exec + 1;
        if tokens.get(at) == Some(&Token::LParen) {
            continue;
        }
        let start = at;
        at += 1;
        while tokens.get(at) == Some(&Token::Period) {
            at += 2;
        }
        let name = written(&tokens[start..at]);
        let stop = |n: &usize| {
            tokens[*n] == Token::SemiColon || words(tokens, *n, &["WITH"]) || words(tokens, *n, &["END"])
        };
        let end = (at..tokens.len()).find(stop).unwrap_or(tokens.len());
        let mut arguments = Vec::new();
        for item in items(&tokens[at..end]) {
            if item.get(1) == Some(&Token::Eq) {
                arguments.push((variable(&item[0]).unwrap(), item[2].clone()));
            }
        }
        let mut results = Vec::new();
        if words(tokens, end, &["WITH", "RESULT", "SETS"]) {
            let close = closing(tokens, end + 3);
            let inner = &tokens[end + 5..close - 2];
            results = items(inner)
                .into_iter()
                .map(|c| (written(&c[..1]).trim_matches(['[', ']']).to_string(), written(&c[1..])))
                .collect();
        }
        let name_of = |c: &&[Token]| written(c).trim_matches(['[', ']']).to_string();
        let insert =
            (0..exec).find(|&n| words(tokens, n, &["INSERT"]) && insert_exec(tokens, n) == Some(exec));
        let inserted = insert.and_then(|insert| {
            let open = (insert..exec).find(|&n| tokens[n] == Token::LParen)?;
            Some(items(&tokens[open + 1..closing(tokens, open) - 1]).iter().map(name_of).collect())
        });
        out.push((name, ScriptCall { arguments, results, inserted }));
    }
    out
}

/// Names of the columns that a SELECT returns: what stands last in each item before FROM.
pub fn selected(query: &str) -> Vec<String> {
    let tokens = tokens(query);
    let end = (0..tokens.len()).find(|&n| words(&tokens, n, &["FROM"])).unwrap();
    let name = |item: &[Token]| written(&item[item.len() - 1..]).trim_matches(['[', ']']).to_string();
    items(&tokens[1..end]).into_iter().map(name).collect()
}

/// A batch from its first line that is no comment.
pub fn code(batch: &str) -> String {
    let lines = batch.lines().skip_while(|l| l.trim().is_empty() || l.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text of a literal.
pub fn single_quoted(token: &Token) -> Option<&str> {
    match token {
        Token::SingleQuotedString(text) | Token::NationalStringLiteral(text) => Some(text),
        _ => None,
    }
}
