-- The schema hart and what every wrapper uses. Run with sqlcmd -b -I -f 65001 in the target database.
IF SCHEMA_ID(N'hart') IS NULL
    EXEC (N'CREATE SCHEMA [hart];');
GO

-- Checks the query that a wrapper is to read, and casts what an external script cannot take.
--
-- An external script takes no VECTOR, JSON, GEOMETRY or GEOGRAPHY column. Where @source returns one, @input becomes a
-- SELECT around it that casts them: VECTOR and JSON to text, spatial types to their bytes. Column names get there through
-- QUOTENAME; @source itself has been found to be one statement of its own before it is put between parentheses.
-- What SQL Server cannot describe without running it goes through as it is, unchecked and with nothing cast. Temporary tables of the session
-- are described like others; where they are not, cast their VECTOR columns in @source: CAST(v AS varchar(max)) AS v.
--
-- @source   the caller's SELECT. It runs with the caller's rights, so row-level security and grants hold.
-- @columns  the kernel's columns, separated by commas; empty where any will do.
-- @by_part  whether the column part is wanted too.
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
    @input nvarchar(max) OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @message nvarchar(2048);
    DECLARE @expected nvarchar(4000) =
        CASE WHEN @columns = N'' THEN N'at least one column' ELSE REPLACE(@columns, N',', N', ') END
        + CASE WHEN @by_part = 1 THEN N', part' ELSE N'' END;

    DECLARE @first int = PATINDEX(N'%[^ ' + NCHAR(9) + NCHAR(10) + NCHAR(13) + N']%', @source);
    DECLARE @start nvarchar(7) = SUBSTRING(@source, @first, 7);
    IF @start IS NULL OR @first = 0
       OR NOT (@start COLLATE Latin1_General_100_CI_AS LIKE N'SELECT[^0-9A-Z_]'
               OR @start COLLATE Latin1_General_100_CI_AS LIKE N'WITH[^0-9A-Z_]%')
    BEGIN
        SET @message = CONCAT(N'@source is ', COALESCE(N'''' + LEFT(@source, 60) + N'''', N'NULL'),
            N'; expected text that begins with SELECT (or WITH) and returns ', @expected);
        THROW 59901, @message, 1;
    END;

    SET @input = @source;
    DECLARE @described TABLE
    (
        ordinal int NULL,
        name sysname NULL,
        type_name nvarchar(256) NULL,
        error_number int NULL,
        error_message nvarchar(4000) NULL
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
    SELECT TOP (1) @message = LEFT(CONCAT(N'@source cannot be run: ', error_message, N' (', error_number, N')'), 2000)
    FROM @described
    WHERE error_number IS NOT NULL
    ORDER BY CASE WHEN error_number = 11529 THEN 1 ELSE 0 END;
    IF @message IS NOT NULL
        THROW 59902, @message, 1;

    DECLARE @found int = (SELECT COUNT(*) FROM @described);
    DECLARE @wanted int = (SELECT COUNT(*) FROM STRING_SPLIT(@columns, N',') WHERE value <> N'') + @by_part;
    IF (@columns <> N'' AND @found <> @wanted)
       OR (@by_part = 1 AND NOT EXISTS
            (SELECT * FROM @described WHERE name COLLATE Latin1_General_100_CI_AS = N'part'))
    BEGIN
        SELECT @message = LEFT(CONCAT(N'@source returns ',
            STRING_AGG(CAST(CONCAT(COALESCE(name, N'(no name)'), N' ', type_name) AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY ordinal),
            N'; expected exactly ', @expected), 2000)
        FROM @described;
        THROW 59903, @message, 1;
    END;

    IF NOT EXISTS
        (SELECT * FROM @described
         WHERE type_name LIKE N'vector%' OR type_name LIKE N'json%' OR type_name LIKE N'geo%')
        RETURN;
    IF EXISTS (SELECT * FROM @described WHERE name IS NULL)
       OR EXISTS (SELECT name FROM @described GROUP BY name HAVING COUNT(*) > 1)
        THROW 59904, N'@source returns a VECTOR, JSON or spatial column, and columns without a name or with the same name; expected a name for each', 1;
    DECLARE @list nvarchar(max);
    SELECT @list = STRING_AGG(CAST(
            CASE
                WHEN type_name LIKE N'vector%' THEN N'CAST(' + QUOTENAME(name) + N' AS varchar(max)) AS ' + QUOTENAME(name)
                WHEN type_name LIKE N'json%' THEN N'CAST(' + QUOTENAME(name) + N' AS nvarchar(max)) AS ' + QUOTENAME(name)
                WHEN type_name LIKE N'geo%' THEN N'CAST(' + QUOTENAME(name) + N' AS varbinary(max)) AS ' + QUOTENAME(name)
                ELSE QUOTENAME(name)
            END AS nvarchar(max)), N', ') WITHIN GROUP (ORDER BY ordinal)
    FROM @described;
    -- The line break ends a comment that @source may end with.
    SET @input = N'SELECT ' + @list + N' FROM (' + @source + NCHAR(10) + N') AS [source]';
    SELECT TOP (1) @message = LEFT(CONCAT(N'@source returns a VECTOR, JSON or spatial column that cannot be cast around it (',
        error_message, N'); cast it inside, for example CAST(v AS varchar(max)) AS v'), 2000)
    FROM sys.dm_exec_describe_first_result_set(@input, NULL, 0)
    WHERE error_number IS NOT NULL;
    IF @message IS NOT NULL
        THROW 59904, @message, 1;
END;
GO

-- Raises the kernel's own line, where SQL Server passed it on as the text of the error that is being handled: error
-- 59000 + the kernel's number, or 59900 for a failure outside of a kernel. Else it returns, and the caller rethrows.
-- Only to be called in a CATCH block.
CREATE OR ALTER PROCEDURE [hart].[RethrowKernelError]
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @line nvarchar(max) = ERROR_MESSAGE();
    DECLARE @start int = CHARINDEX(N'hart: ', @line);
    IF @start IS NULL OR @start = 0
        RETURN;
    SET @line = SUBSTRING(@line, @start, 2000);
    SET @line = LEFT(@line, COALESCE(NULLIF(PATINDEX(N'%[' + NCHAR(10) + NCHAR(13) + N']%', @line), 0) - 1, LEN(@line)));
    DECLARE @mark int = CHARINDEX(N' [hart error ', @line);
    DECLARE @number int =
        CASE WHEN @mark > 0
             THEN TRY_CONVERT(int, REPLACE(SUBSTRING(@line, @mark + 13, 6), N']', N''))
        END;
    SET @number = CASE WHEN @number BETWEEN 1 AND 899 THEN 59000 + @number ELSE 59900 END;
    DECLARE @message nvarchar(2048) = @line;
    THROW @number, @message, 1;
END;
GO
