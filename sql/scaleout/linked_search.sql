-- One search over several servers, for example HART-SERVER and HART-DESKTOP, each over the rows that it holds.
--
-- Exact: every node returns its own best k in one order (distance, then id), and distances have the same bits on every
-- processor, so the best k of all is among them, and it is the same whichever node holds a row. Ids are to be unique over all nodes.
--
-- A linked server needs RPC out; where the search is called in a transaction, or by INSERT ... EXEC, also no promotion to a distributed one:
--   EXEC sp_serveroption N'HART-DESKTOP', N'rpc out', N'true';
--   EXEC sp_serveroption N'HART-DESKTOP', N'remote proc transaction promotion', N'false';
-- The remote login is the one that the linked server maps the caller to; it needs the role hart_caller there.

SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- The nodes. [source] is a query that callers of the search run with their own rights: only who may change procedures of this
-- schema should be able to write here, so no role is granted anything on this table.
IF OBJECT_ID(N'hart.SearchNode', N'U') IS NULL
    CREATE TABLE [hart].[SearchNode]
    (
        node sysname NOT NULL CONSTRAINT PK_SearchNode PRIMARY KEY,
        server_name sysname NULL,
        database_name sysname NOT NULL,
        [source] nvarchar(max) NOT NULL,
        is_enabled bit NOT NULL CONSTRAINT DF_SearchNode_is_enabled DEFAULT 1
    );
GO

-- hart.VectorTopKFanOut: the @k rows nearest to one query over all enabled nodes.
--
-- @query, @query_packed, @k, @metric, @element, @accumulate  as hart.VectorTopK.
-- @allow_partial  0: a node that fails fails the search. 1: it is left out, and a second result set lists node and error; the
--                 search is then exact over the nodes that answered only.
-- Result: rank, node, id, distance. server_name NULL is a database of this server.
-- INSERT ... EXEC takes the result (with @allow_partial = 0: it has one set then), because the rows of the nodes come by an OUTPUT parameter.
-- Errors: 59940 no node is enabled; 59941 a node failed; else as hart.VectorTopK.
CREATE OR ALTER PROCEDURE [hart].[VectorTopKFanOut]
(
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32',
    @allow_partial bit = 0
)
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT * FROM [hart].[SearchNode] WHERE is_enabled = 1)
        THROW 59940, N'hart.SearchNode has no enabled node; expected one row for each server to search', 1;
    CREATE TABLE #hart_hits (node sysname NOT NULL, id bigint NULL, distance float NULL);
    CREATE TABLE #hart_failed (node sysname NOT NULL, error nvarchar(2048) NOT NULL);
    DECLARE @node sysname = N'', @server sysname, @database sysname, @source nvarchar(max);
    DECLARE @procedure nvarchar(600), @remote nvarchar(1000), @statement nvarchar(1000), @message nvarchar(2048), @rows varchar(max);
    WHILE 1 = 1
    BEGIN
        SET @node = (SELECT MIN(node) FROM [hart].[SearchNode] WHERE is_enabled = 1 AND node > @node);
        IF @node IS NULL
            BREAK;
        SELECT @server = server_name, @database = database_name, @source = [source]
        FROM [hart].[SearchNode]
        WHERE node = @node;
        SET @procedure = QUOTENAME(@database) + N'.[hart].[VectorTopK]';
        SET @rows = '';
        BEGIN TRY
            IF @server IS NULL
                EXEC @procedure
                    @source = @source, @query = @query, @query_packed = @query_packed, @k = @k, @metric = @metric,
                    @element = @element, @accumulate = @accumulate, @rows_json = @rows OUTPUT;
            ELSE
            BEGIN
                -- Names are quoted; everything else travels as parameters.
                SET @remote = N'EXEC ' + @procedure
                    + N' @source = ?, @query = ?, @query_packed = ?, @k = ?, @metric = ?, @element = ?, @accumulate = ?, @rows_json = ? OUTPUT;';
                SET @statement =
                    N'EXEC (@remote, @source, @query, @query_packed, @k, @metric, @element, @accumulate, @rows OUTPUT) AT ' + QUOTENAME(@server);
                EXEC sys.sp_executesql @statement,
                    N'@remote nvarchar(1000), @source nvarchar(max), @query varchar(max), @query_packed varbinary(max), @k int, @metric varchar(64), @element varchar(64), @accumulate varchar(64), @rows varchar(max) OUTPUT',
                    @remote = @remote, @source = @source, @query = @query, @query_packed = @query_packed, @k = @k,
                    @metric = @metric, @element = @element, @accumulate = @accumulate, @rows = @rows OUTPUT;
            END;
            INSERT INTO #hart_hits (node, id, distance)
            SELECT @node, id, distance
            FROM OPENJSON(@rows) WITH (id bigint, distance float);
        END TRY
        BEGIN CATCH
            IF @allow_partial = 0 OR XACT_STATE() = -1
            BEGIN
                SET @message = CONCAT(N'node ', @node, N': ', LEFT(ERROR_MESSAGE(), 800), N' (', ERROR_NUMBER(), N')');
                SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
                THROW 59941, @message, 1;
            END;
            INSERT INTO #hart_failed (node, error) VALUES (@node, LEFT(ERROR_MESSAGE(), 2000));
        END CATCH;
    END;
    SELECT TOP (@k)
        ROW_NUMBER() OVER (ORDER BY CASE WHEN distance IS NULL THEN 1 ELSE 0 END, distance,
                                    CASE WHEN id IS NULL THEN 1 ELSE 0 END, id, node) AS [rank],
        node,
        id,
        distance
    FROM #hart_hits
    ORDER BY [rank];
    IF @allow_partial = 1
        SELECT node, error FROM #hart_failed ORDER BY node;
END;
GO

-- hart.VectorTopKOfParts: a search whose parts SQL Server may compute in several processes at once, merged exactly.
--
-- @source returns part beside id and v, for example id % 4 AS part. One process already uses all its threads, so this pays only
-- where the language's setting threads is smaller than the server's processors, or where a part is what fits into memory.
-- Result: rank, id, distance, part. Errors: as hart.VectorTopK; 8164 for INSERT ... EXEC hart.VectorTopKOfParts, which uses INSERT ... EXEC
-- itself: call hart.VectorTopK with @by_part = 1 there and rank its rows.
-- Names of temporary tables here begin with #hart_, so that they hide none that @source reads.
CREATE OR ALTER PROCEDURE [hart].[VectorTopKOfParts]
(
    @source nvarchar(max),
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32'
)
AS
BEGIN
    SET NOCOUNT ON;
    CREATE TABLE #hart_answer ([query] int, [rank] int, id bigint, distance float, part bigint);
    INSERT INTO #hart_answer ([query], [rank], id, distance, part)
    EXEC [hart].[VectorTopK]
        @source = @source, @query = @query, @query_packed = @query_packed, @k = @k, @metric = @metric,
        @element = @element, @accumulate = @accumulate, @by_part = 1, @parallel = 1;
    SELECT TOP (@k)
        ROW_NUMBER() OVER (ORDER BY CASE WHEN distance IS NULL THEN 1 ELSE 0 END, distance,
                                    CASE WHEN id IS NULL THEN 1 ELSE 0 END, id, part) AS [rank],
        id,
        distance,
        part
    FROM #hart_answer
    ORDER BY [rank];
END;
GO
