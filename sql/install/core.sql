-- The schema hart and what every wrapper uses. In the target database: sqlcmd -b -d <database> -i install/core.sql
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
IF SCHEMA_ID(N'hart') IS NULL
    EXEC (N'CREATE SCHEMA [hart];');
GO

-- Checks the query that a wrapper is to read, and casts what an external script cannot take.
--
-- An external script takes no VECTOR, JSON, GEOMETRY or GEOGRAPHY column. Where @source returns one, @input becomes a
-- SELECT around it that casts them: VECTOR and JSON to text, spatial types to their bytes. Column names get there through
-- QUOTENAME; @source itself has been found to be one statement of its own before it is put between parentheses.
--
-- SQL Server describes a VECTOR or JSON column of a query as text. So where the server has these types and a column is described as text, an
-- empty table is made of @source (SELECT TOP (0) ... INTO), which reads no row, and its columns tell the types. That needs no name of a
-- column, takes a query that begins with WITH, and one with ORDER BY; what cannot be put between parentheses all the same (FOR JSON) has
-- no such column. Text goes through as it is.
-- What SQL Server cannot describe without running it goes through as it is, unchecked and with nothing cast. Temporary tables of the session
-- are described like others; where they are not, cast their VECTOR columns in @source: CAST(v AS varchar(max)) AS v.
--
-- @source   the caller's SELECT. It runs with the caller's rights, so row-level security and grants hold.
-- @columns  the kernel's columns, separated by commas; empty where any will do.
-- @by_part  whether the column part is wanted too.
-- @optional the name of a column that may be there too, or ''.
--
-- Only the number of columns is checked here, because the library binds them by name where all of the kernel's names are there, and else
-- by position: with other names the order counts. It checks the types.
--
-- Errors: 59901 no SELECT; 59902 SQL Server cannot run it; 59903 not as many columns; 59904 a cast is left to the caller.
CREATE OR ALTER PROCEDURE [hart].[PrepareSource]
(
    @source nvarchar(max),
    @columns nvarchar(4000),
    @by_part bit,
    @input nvarchar(max) OUTPUT,
    @optional nvarchar(128) = N''
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @message nvarchar(2048);
    DECLARE @expected nvarchar(4000) =
        CASE WHEN @columns = N'' THEN N'at least one column' ELSE REPLACE(@columns, N',', N', ') END
        + CASE WHEN @by_part = 1 THEN N', part' ELSE N'' END
        + CASE WHEN @optional <> N'' THEN N', and possibly ' + @optional ELSE N'' END;

    DECLARE @first int = PATINDEX(N'%[^ ' + NCHAR(9) + NCHAR(10) + NCHAR(13) + N']%', @source);
    DECLARE @start nvarchar(7) = SUBSTRING(@source, @first, 7);
    IF @start IS NULL OR @first = 0
       OR NOT (@start COLLATE Latin1_General_100_CI_AS LIKE N'SELECT[^0-9A-Z_]'
               OR @start COLLATE Latin1_General_100_CI_AS LIKE N'WITH[^0-9A-Z_]%')
    BEGIN
        SET @message = CONCAT(N'@source is ', COALESCE(N'''' + LEFT(@source, 60) + N'''', N'NULL'),
            N'; expected text that begins with SELECT (or WITH) and returns ', @expected);
        -- THROW takes a percent sign for the beginning of a format.
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59901, @message, 1;
    END;

    SET @input = @source;
    DECLARE @described TABLE
    (
        ordinal int NULL,
        name sysname NULL,
        type_name nvarchar(256) NULL,
        error_number int NULL,
        -- The text of an error may be 4,096 characters long.
        error_message nvarchar(max) NULL
    );
    INSERT @described (ordinal, name, type_name, error_number, error_message)
    SELECT column_ordinal, name, COALESCE(system_type_name, user_type_name), error_number, error_message
    FROM sys.dm_exec_describe_first_result_set(@source, NULL, 0)
    WHERE COALESCE(is_hidden, 0) = 0;

    -- 11500 to 11599 say that the columns cannot be known before the query runs, and 208 on a temporary table that it was not in sight of
    -- the description: no faults. 11529 only says that there are other errors.
    IF EXISTS
        (SELECT * FROM @described
         WHERE (error_number BETWEEN 11500 AND 11599 AND error_number <> 11529)
            OR (error_number = 208 AND error_message LIKE N'%#%'))
        RETURN;
    SELECT TOP (1) @message = CONCAT(N'@source cannot be run: ', LEFT(error_message, 900), N' (', error_number, N')')
    FROM @described
    WHERE error_number IS NOT NULL
    ORDER BY CASE WHEN error_number = 11529 THEN 1 ELSE 0 END;
    IF @message IS NOT NULL
    BEGIN
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59902, @message, 1;
    END;

    DECLARE @found int =
        (SELECT COUNT(*) FROM @described
         WHERE name IS NULL OR name COLLATE Latin1_General_100_CI_AS <> @optional COLLATE Latin1_General_100_CI_AS);
    DECLARE @wanted int = (SELECT COUNT(*) FROM STRING_SPLIT(@columns, N',') WHERE value <> N'') + @by_part;
    IF (@columns <> N'' AND @found <> @wanted)
       OR (@by_part = 1 AND NOT EXISTS
            (SELECT * FROM @described WHERE name COLLATE Latin1_General_100_CI_AS = N'part'))
    BEGIN
        SELECT @message = CONCAT(N'@source returns ',
            LEFT(STRING_AGG(CAST(CONCAT(COALESCE(name, N'(no name)'), N' ', type_name) AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY ordinal), 600),
            N'; expected exactly ', @expected)
        FROM @described;
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59903, @message, 1;
    END;

    -- Whether a column that is described as text may be of another type.
    DECLARE @unsure bit = CASE
        WHEN EXISTS (SELECT * FROM @described WHERE type_name LIKE N'%char%' OR type_name IS NULL)
             AND EXISTS (SELECT * FROM sys.types WHERE is_user_defined = 0 AND name IN (N'vector', N'json'))
        THEN 1 ELSE 0 END;
    DECLARE @sure bit = CASE
        WHEN EXISTS (SELECT * FROM @described WHERE type_name LIKE N'vector%' OR type_name LIKE N'json%' OR type_name LIKE N'geo%')
        THEN 1 ELSE 0 END;
    IF @unsure = 0 AND @sure = 0
        RETURN;

    -- @source as a table [source] with columns of our own names: @before, then a SELECT list, then @after. In a query that begins with WITH
    -- the main SELECT is looked for, in one with hints the OPTION; which it is, SQL Server says: anywhere else the result is no statement.
    -- A semicolon at the end is left out. The line breaks end a comment that @source may end with.
    DECLARE @names nvarchar(max) =
        (SELECT STRING_AGG(CAST(CONCAT(N'[c', ordinal, N']') AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY ordinal) FROM @described);
    DECLARE @length int = DATALENGTH(@source) / 2, @from_end nvarchar(max) = REVERSE(@source) COLLATE Latin1_General_100_CI_AS;
    DECLARE @option int = @length - 4 - NULLIF(CHARINDEX(N'NOITPO', @from_end COLLATE Latin1_General_100_CI_AS), 0);
    SET @length = @length + 1 - PATINDEX(N'%[^ ;' + NCHAR(9) + NCHAR(10) + NCHAR(13) + N']%', @from_end);
    DECLARE @before nvarchar(max), @after nvarchar(max), @text nvarchar(max), @ordered bit = 0, @fits bit = 0;
    DECLARE @at int = @first, @end int, @try int;
    WHILE @at > 0 AND @fits = 0
    BEGIN
        SET @try = 0;
        WHILE @fits = 0 AND @try < CASE WHEN @option > @at THEN 4 ELSE 2 END
        BEGIN
            -- With ORDER BY a query is a table where it says how many rows.
            SET @ordered = @try % 2;
            SET @end = CASE WHEN @try < 2 THEN @length ELSE @option - 1 END;
            SET @text = N'(' + SUBSTRING(@source, @at, @end - @at + 1) + NCHAR(10)
                + CASE WHEN @ordered = 1 THEN N'OFFSET 0 ROWS' ELSE N'' END + N')';
            IF @at = @first
                SELECT @before = N'', @after = N' FROM ' + @text + N' AS [source] (' + @names + N')';
            ELSE
                SELECT @before = LEFT(@source, @at - 1) + N', [hart_source] (' + @names + N') AS ' + @text + N' ',
                       @after = N' FROM [hart_source] AS [source]';
            SET @after = @after + N' ' + SUBSTRING(@source, @end + 1, @length - @end) + NCHAR(10);
            SET @text = @before + N'SELECT TOP (0) *' + @after;
            IF NOT EXISTS (SELECT * FROM sys.dm_exec_describe_first_result_set(@text, NULL, 0) WHERE error_number IS NOT NULL)
                SET @fits = 1;
            SET @try = @try + 1;
        END;
        IF @start COLLATE Latin1_General_100_CI_AS LIKE N'W%'
            SET @at = CHARINDEX(N'SELECT', @source COLLATE Latin1_General_100_CI_AS, @at + 1);
        ELSE
            SET @at = 0;
    END;

    IF @unsure = 1 AND @fits = 1
    BEGIN
        DECLARE @types nvarchar(max);
        SET @text = @before + N'SELECT TOP (0) * INTO [#hart_probe]' + @after + N';
SELECT @types = STRING_AGG(CAST(CONCAT(column_id, N'' '', TYPE_NAME(user_type_id)) AS nvarchar(max)), N'','')
FROM tempdb.sys.columns
WHERE object_id = OBJECT_ID(N''tempdb..[#hart_probe]'') AND TYPE_NAME(user_type_id) IN (N''vector'', N''json'');';
        EXEC sys.sp_executesql @text, N'@types nvarchar(max) OUTPUT', @types = @types OUTPUT;
        UPDATE d
        SET type_name = SUBSTRING(t.[value], CHARINDEX(N' ', t.[value]) + 1, 128)
        FROM @described AS d
        JOIN STRING_SPLIT(@types, N',') AS t ON t.[value] LIKE CONCAT(d.ordinal, N' %');
    END;
    IF NOT EXISTS
        (SELECT * FROM @described
         WHERE type_name LIKE N'vector%' OR type_name LIKE N'json%' OR type_name LIKE N'geo%')
        RETURN;
    IF EXISTS (SELECT * FROM @described WHERE name IS NULL)
       OR EXISTS (SELECT name FROM @described GROUP BY name HAVING COUNT(*) > 1)
        THROW 59904, N'@source returns a VECTOR, JSON or spatial column, and columns without a name or with the same name; expected a name for each', 1;
    IF @fits = 0
    BEGIN
        SELECT TOP (1) @message = CONCAT(N'@source returns a VECTOR, JSON or spatial column that cannot be cast around it (',
            LEFT(error_message, 800), N'); cast it inside, for example CAST(v AS varchar(max)) AS v')
        FROM sys.dm_exec_describe_first_result_set(N'SELECT * FROM (' + @source + NCHAR(10) + N') AS [source]', NULL, 0)
        WHERE error_number IS NOT NULL;
        SET @message = COALESCE(@message, N'@source returns a VECTOR, JSON or spatial column that cannot be cast around it; cast it inside');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59904, @message, 1;
    END;
    IF @ordered = 1
        THROW 59904, N'@source returns a VECTOR, JSON or spatial column and ends with ORDER BY, which a cast around it would lose; leave ORDER BY out, or cast inside, for example CAST(v AS varchar(max)) AS v', 1;
    DECLARE @list nvarchar(max);
    SELECT @list = STRING_AGG(CAST(
            CASE
                WHEN type_name LIKE N'vector%' THEN CONCAT(N'CAST([c', ordinal, N'] AS varchar(max))')
                WHEN type_name LIKE N'json%' THEN CONCAT(N'CAST([c', ordinal, N'] AS nvarchar(max))')
                WHEN type_name LIKE N'geo%' THEN CONCAT(N'CAST([c', ordinal, N'] AS varbinary(max))')
                ELSE CONCAT(N'[c', ordinal, N']')
            END + N' AS ' + QUOTENAME(name) AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY ordinal)
    FROM @described;
    SET @input = @before + N'SELECT ' + @list + @after;
END;
GO

-- Raises the kernel's own line, where SQL Server passed it on as the text of the error that is being handled: error
-- 59000 + the kernel's number, or 59900 for a failure outside of a kernel. Where SQL Server says only that the script failed (39004, 39019), or
-- that its result did not come (11536), 59900 says where the line is; 39111 gets its remedy. Else it returns, and the caller rethrows.
-- Only to be called in a CATCH block.
CREATE OR ALTER PROCEDURE [hart].[RethrowKernelError]
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @line nvarchar(max) = ERROR_MESSAGE(), @error int = ERROR_NUMBER();
    DECLARE @message nvarchar(2048);
    DECLARE @start int = CHARINDEX(N'hart: ', @line);
    IF @start IS NULL OR @start = 0
    BEGIN
        SET @message = CASE
            WHEN @error IN (11536, 39004, 39019)
                THEN CONCAT(N'the external script failed; the line that begins with "hart:", or what kept the library from starting, is among the messages before this one (',
                            @error, N': ', LEFT(@line, 600), N')')
            WHEN @error = 39111
                THEN CONCAT(LEFT(@line, 600), N' (39111): run sudo /opt/mssql/bin/mssql-conf set EULA accepteulaml Y, then restart mssql-server and mssql-launchpadd')
            END;
        IF @message IS NULL
            RETURN;
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59900, @message, 1;
    END;
    SET @line = SUBSTRING(@line, @start, 2000);
    SET @line = LEFT(@line, COALESCE(NULLIF(PATINDEX(N'%[' + NCHAR(10) + NCHAR(13) + N']%', @line), 0) - 1, LEN(@line)));
    DECLARE @mark int = CHARINDEX(N' [hart error ', @line);
    DECLARE @number int =
        CASE WHEN @mark > 0
             THEN TRY_CONVERT(int, REPLACE(SUBSTRING(@line, @mark + 13, 6), N']', N''))
        END;
    SET @number = CASE WHEN @number BETWEEN 1 AND 899 THEN 59000 + @number ELSE 59900 END;
    SET @message = REPLACE(LEFT(@line, 1000), N'%', N'%%');
    THROW @number, @message, 1;
END;
GO
