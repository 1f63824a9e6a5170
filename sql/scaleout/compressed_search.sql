-- Exact search that carries codes instead of vectors to the external script: a byte a component where singles take four.
--
-- The codes are those of hart.VectorQuantize, in a column beside the vectors or in a table of their own. A code that was made from an earlier
-- version of its vector may lose that row: write both in one statement, or see docs/PERFORMANCE.md for a way to keep them together.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- hart.VectorTopKCompressed: the rows of hart.VectorTopK over @source, by way of the codes.
--
-- @codes_source  a SELECT that returns id and code, as hart.VectorCandidates takes it. From all codes it finds the few rows, some hundred of a
--                million, that may be among the nearest.
-- @source        a SELECT that returns columns named id and v and can stand between parentheses: no WITH before it, no ORDER BY at its
--                end. Only the candidates' vectors are read: an index on the column behind id pays. Ids are unique and not NULL.
--                The vectors have the form, VECTOR or packed, that the codes were made from: the text of a VECTOR has eight digits.
-- @query, @query_packed, @query_count, @k, @metric, @element, @accumulate, @rows_json  as hart.VectorTopK. The metric manhattan gains nothing.
-- Both queries are to see the same rows: where others write meanwhile, call it in a transaction with the isolation level SNAPSHOT.
--
-- Result: query, rank, id, distance, as hart.VectorTopK gives them, bit for bit.
-- INSERT ... EXEC takes the result, because the candidates come by an OUTPUT parameter.
-- Errors: 59961 a source is NULL; 59962 a candidate has no id; 59963 a candidate is not in @source; else as hart.VectorCandidates and
-- hart.VectorTopK.
CREATE OR ALTER PROCEDURE [hart].[VectorTopKCompressed]
(
    @codes_source nvarchar(max),
    @source nvarchar(max),
    @query varchar(max) = NULL,
    @query_packed varbinary(max) = NULL,
    @query_count int = 1,
    @k int = 10,
    @metric varchar(64) = 'cosine',
    @element varchar(64) = 'f32',
    @accumulate varchar(64) = 'f32',
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @codes_source IS NULL OR @source IS NULL
        THROW 59961, N'@codes_source or @source is NULL; expected a SELECT of id and code, and one of id and v', 1;
    DECLARE @candidates varchar(max) = '';
    EXEC [hart].[VectorCandidates]
        @source = @codes_source, @query = @query, @query_packed = @query_packed, @query_count = @query_count, @k = @k,
        @metric = @metric, @element = @element, @rows_json = @candidates OUTPUT;
    CREATE TABLE #hart_candidates (id bigint NULL);
    -- A row may be a candidate of several queries.
    INSERT INTO #hart_candidates (id)
    SELECT DISTINCT id
    FROM OPENJSON(@candidates) WITH (id bigint);
    IF EXISTS (SELECT * FROM #hart_candidates WHERE id IS NULL)
        THROW 59962, N'@codes_source returns a row without id, which no row of @source can be found by; expected an id for each row', 1;
    -- The line break ends a comment that @source may end with.
    DECLARE @rows nvarchar(max) = N'(' + @source + NCHAR(10) + N') AS [hart_rows]';
    DECLARE @statement nvarchar(max) = N'SELECT @lost = COUNT(*) FROM #hart_candidates AS [hart_candidates]
WHERE NOT EXISTS (SELECT * FROM ' + @rows + N' WHERE [hart_rows].[id] = [hart_candidates].[id]);';
    DECLARE @lost int, @message nvarchar(2048);
    EXEC sys.sp_executesql @statement, N'@lost int OUTPUT', @lost = @lost OUTPUT;
    IF @lost > 0
    BEGIN
        SET @message = CONCAT(N'@source lacks ', @lost, N' rows that @codes_source has; expected the same ids in both');
        SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
        THROW 59963, @message, 1;
    END;
    SET @statement = N'SELECT [hart_rows].[id], [hart_rows].[v] FROM ' + @rows
        + N' WHERE [hart_rows].[id] IN (SELECT [id] FROM #hart_candidates)';
    EXEC [hart].[VectorTopK]
        @source = @statement, @query = @query, @query_packed = @query_packed, @query_count = @query_count, @k = @k,
        @metric = @metric, @element = @element, @accumulate = @accumulate, @rows_json = @rows_json OUTPUT;
END;
GO
