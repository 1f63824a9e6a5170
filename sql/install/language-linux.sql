-- Step 2 for a server on Linux: registers the library as the external language hart of this database. The three values come from the
-- environment, where every sqlcmd looks for them (docs/INSTALL.md):
--
--   export Content=/opt/hart/hart-linux.zip Parameters=max_memory_mb=4096 InterfaceVersion=2
--   sqlcmd -b -d <database> -i install/language-linux.sql
--
-- Content           path, as the server sees it, of a flat archive with libhart_sqlhost.so and nothing else.
-- Parameters        settings of docs/EXTERNAL-LANGUAGE.md; the word none for none.
-- InterfaceVersion  2; or 3 for extended events, where the server knows that version of the interface.
--
-- A language of this name that is not this library, or whose files this login cannot see, is never touched. Where the language is there for the
-- other platform, as in an availability group over both, this platform's file is added to it, without settings: ALTER takes none on some
-- versions. To have them on both platforms, drop the language (install/drop-language.sql) and create it with two file specifications.
-- Needs CREATE EXTERNAL LANGUAGE (and ALTER ANY EXTERNAL LANGUAGE to add a platform).
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF EXISTS
    (SELECT * FROM sys.external_languages AS l
     LEFT JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
     WHERE l.language = N'hart' AND (f.file_name IS NULL OR f.file_name NOT IN (N'hart_sqlhost.dll', N'libhart_sqlhost.so')))
    THROW 59912, N'this database has an external language hart that is not this library, or whose files cannot be seen by this login; nothing was changed', 1;

IF EXISTS
    (SELECT * FROM sys.external_languages AS l
     JOIN sys.external_language_files AS f ON f.external_language_id = l.external_language_id
     WHERE l.language = N'hart' AND f.platform_desc = N'LINUX')
    PRINT N'hart is there for LINUX; nothing was changed. To replace it: install/drop-language.sql first, or ALTER EXTERNAL LANGUAGE.';
ELSE IF EXISTS (SELECT * FROM sys.external_languages WHERE language = N'hart')
    EXEC (N'ALTER EXTERNAL LANGUAGE [hart] ADD (CONTENT = N''$(Content)'', FILE_NAME = ''libhart_sqlhost.so'', PLATFORM = LINUX);');
ELSE
BEGIN
    -- An empty text is refused (46063), so the clause is left out where there is nothing to say.
    DECLARE @statement nvarchar(max) =
        N'CREATE EXTERNAL LANGUAGE [hart] FROM (CONTENT = N''$(Content)'', FILE_NAME = ''libhart_sqlhost.so'', PLATFORM = LINUX'
        + CASE WHEN N'$(Parameters)' IN (N'none', N'') THEN N'' ELSE N', PARAMETERS = N''$(Parameters)''' END
        + N', ENVIRONMENT_VARIABLES = N''{"HART_INTERFACE_VERSION":"$(InterfaceVersion)"}'');';
    EXEC sys.sp_executesql @statement;
END;
GO
