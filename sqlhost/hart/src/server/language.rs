//! The step that creates the external language, or recreates it with its settings and permissions.

use super::archive::{Archive, Platform};
use super::step::Step;
use super::text::{fill, literal};

/// Its name.
pub const LANGUAGE: &str = "hart";

/// The collation for comparing settings, which are case-sensitive.
const BINARY: &str = "COLLATE Latin1_General_100_BIN2";

/// The files of our language.
const FILES: &str = "sys.external_languages AS l JOIN sys.external_language_files AS f \
                     ON f.external_language_id = l.external_language_id AND l.language = N'hart'";

/// Permissions on our language, as p, with their grantees, as g.
pub const RIGHTS: &str = "sys.database_permissions AS p
    JOIN sys.database_principals AS g ON g.principal_id = p.grantee_principal_id
    WHERE (p.permission_name = N'EXECUTE EXTERNAL SCRIPT' OR REPLACE(p.class_desc, N'_', N' ') = N'EXTERNAL LANGUAGE')
        AND p.major_id = (SELECT external_language_id FROM sys.external_languages WHERE language = N'hart')";

/// Whether the language is not ours: the condition of sql/install; also true if the files are not visible.
pub fn foreign_language() -> String {
    let names: Vec<String> = Platform::ALL.iter().map(|p| literal(p.file_name())).collect();
    format!(
        "EXISTS (SELECT * FROM sys.external_languages AS l LEFT JOIN sys.external_language_files AS f \
         ON f.external_language_id = l.external_language_id WHERE l.language = N'{LANGUAGE}' \
         AND (f.file_name IS NULL OR f.file_name NOT IN ({})))",
        names.join(", ")
    )
}

/// The step for these archives and settings; a setting that is not given stays as it is.
pub fn step(archives: &[Archive], parameters: Option<&str>, environment: Option<&str>) -> Step {
    let text = |value: Option<&str>| value.map_or("NULL".into(), literal);
    let given = |column: &str, value: Option<&str>| match value {
        Some(v) => format!(" AND COALESCE(f.{column}, N'') = {} {BINARY}", literal(v)),
        None => String::new(),
    };
    let same = archives.iter().map(|a| {
        format!(
            "(f.platform_desc = {} AND HASHBYTES('SHA2_256', f.content) = 0x{}{}{})",
            literal(a.platform.word()),
            a.hash,
            given("parameters", parameters),
            given("environment_variables", environment)
        )
    });
    let same = same.collect::<Vec<_>>().join(" OR ");
    // Without archives there is nothing to compare with.
    let same = if same.is_empty() { "1 = 0".into() } else { same };
    let count = archives.len().max(1);
    let state = format!(
        "CASE\n    WHEN NOT EXISTS (SELECT * FROM sys.external_languages WHERE language = N'{LANGUAGE}') THEN N'missing'\n    \
         WHEN {} THEN N'foreign'\n    \
         WHEN (SELECT COUNT(*) FROM {FILES} WHERE {same}) = {count} THEN N'same'\n    \
         ELSE N'differs'\nEND",
        foreign_language()
    );
    let files = archives.iter().map(|a| {
        format!("({}, {}, 0x{})", literal(a.platform.word()), literal(a.platform.file_name()), a.hash)
    });
    let statement = fill(
        STATEMENT,
        &[
            ("{state}", &state),
            ("{rights}", RIGHTS),
            ("{given}", &files.collect::<Vec<_>>().join(", ")),
            ("{parameters}", &text(parameters)),
            ("{environment}", &text(environment)),
        ],
    );
    Step {
        name: "language",
        check: format!("SELECT {state} AS [state];\n"),
        refusal: "this database has an external language hart that is not this library (or its files cannot be seen by \
                  this login); it is not touched: DROP EXTERNAL LANGUAGE [hart]; if nobody needs it"
            .into(),
        in_the_way: None,
        content: archives.to_vec(),
        statements: vec![statement],
        transaction: true,
    }
}

/// Creates the language, or recreates it: ALTER EXTERNAL LANGUAGE accepts no parameters on some versions. A platform
/// that is not given keeps its file, and all keep their settings; the owner stays, and permissions on the language are
/// granted again.
const STATEMENT: &str = "SET NOCOUNT ON;
DECLARE @state nvarchar(20) = {state};
IF @state = N'foreign'
    THROW 59912, N'this database has an external language hart that is not this library; nothing was changed', 1;
IF @state <> N'same'
BEGIN
    DECLARE @parameters nvarchar(4000) = {parameters};
    DECLARE @environment nvarchar(4000) = {environment};
    DECLARE @given TABLE (platform nvarchar(60), file_name nvarchar(266), hash varbinary(32));
    INSERT @given (platform, file_name, hash) VALUES {given};
    IF EXISTS (SELECT * FROM @given AS g LEFT JOIN #hart_content AS c ON c.platform = g.platform COLLATE DATABASE_DEFAULT
               WHERE c.platform IS NULL OR HASHBYTES('SHA2_256', c.content) <> g.hash)
        THROW 59916, N'the archive did not arrive whole; run the installation again', 1;
    DECLARE @files TABLE
    (
        platform nvarchar(60), file_name nvarchar(266), content varbinary(max), parameters nvarchar(4000), variables nvarchar(4000)
    );
    INSERT @files (platform, file_name, content, parameters, variables)
    SELECT f.platform_desc, f.file_name, f.content, f.parameters, f.environment_variables
    FROM sys.external_languages AS l
    JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
    WHERE l.language = N'hart';
    UPDATE o SET content = c.content
    FROM @files AS o JOIN #hart_content AS c ON c.platform = o.platform COLLATE DATABASE_DEFAULT;
    INSERT @files (platform, file_name, content, parameters, variables)
    SELECT g.platform, g.file_name, c.content, (SELECT MAX(parameters) FROM @files), (SELECT MAX(variables) FROM @files)
    FROM @given AS g JOIN #hart_content AS c ON c.platform = g.platform COLLATE DATABASE_DEFAULT
    WHERE NOT EXISTS (SELECT * FROM @files AS o WHERE o.platform = g.platform);

    DECLARE @statement nvarchar(max), @grants nvarchar(max) = N'', @revokes nvarchar(max) = N'';
    DECLARE @owner sysname = (SELECT USER_NAME(principal_id) FROM sys.external_languages WHERE language = N'hart');
    SELECT @revokes = @revokes + N'REVOKE ' + p.permission_name COLLATE DATABASE_DEFAULT
               + N' ON EXTERNAL LANGUAGE::[hart] FROM ' + QUOTENAME(g.name) COLLATE DATABASE_DEFAULT + N' CASCADE;',
           @grants = @grants + CASE p.state WHEN 'D' THEN N'DENY ' ELSE N'GRANT ' END
               + p.permission_name COLLATE DATABASE_DEFAULT
               + N' ON EXTERNAL LANGUAGE::[hart] TO ' + QUOTENAME(g.name) COLLATE DATABASE_DEFAULT
               + CASE p.state WHEN 'W' THEN N' WITH GRANT OPTION;' ELSE N';' END
    FROM {rights};
    IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
    BEGIN
        EXEC sys.sp_executesql @revokes;
        EXEC (N'DROP EXTERNAL LANGUAGE [hart];');
    END;
    SELECT @statement = N'CREATE EXTERNAL LANGUAGE [hart]' + COALESCE(N' AUTHORIZATION ' + QUOTENAME(@owner), N'') + N' FROM '
        + STRING_AGG(N'(CONTENT = ' + CONVERT(nvarchar(max), content, 1)
            + N', FILE_NAME = ''' + file_name + N''', PLATFORM = ' + platform
            + COALESCE(N', PARAMETERS = N''' + REPLACE(NULLIF(COALESCE(@parameters, parameters), N''), N'''', N'''''') + N'''', N'')
            + COALESCE(N', ENVIRONMENT_VARIABLES = N''' + REPLACE(NULLIF(COALESCE(@environment, variables), N''), N'''', N'''''') + N'''', N'')
            + N')', N', ') WITHIN GROUP (ORDER BY platform DESC) + N';'
    FROM @files;
    EXEC sys.sp_executesql @statement;
    EXEC sys.sp_executesql @grants;
END;
DROP TABLE #hart_content;
";

/// The statements that remove the language and the permissions on it.
pub fn removal() -> String {
    format!(
        "IF {}\n    THROW 59912, N'the external language {LANGUAGE} of this database is not this library; it was left as it is', 1;\n\
         DECLARE @statement nvarchar(max) = N'';\n\
         SELECT @statement = @statement + N'REVOKE ' + p.permission_name COLLATE DATABASE_DEFAULT\n    \
         + N' ON EXTERNAL LANGUAGE::[{LANGUAGE}] FROM ' + QUOTENAME(g.name) COLLATE DATABASE_DEFAULT + N' CASCADE;'\n    \
         FROM {RIGHTS};\n\
         EXEC sys.sp_executesql @statement;\n\
         EXEC (N'DROP EXTERNAL LANGUAGE [{LANGUAGE}];');\n",
        foreign_language()
    )
}
