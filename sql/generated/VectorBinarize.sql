SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorBinarize: The signs of a vector's components as bits.
-- A bit for each component, set where it is greater than 0. The highest bit of the first byte is the first component's;
-- missing bits of the last byte are 0. These are the bytes of NumPy's packbits(v > 0), which libraries of sentence
-- embeddings use. Distances of such bits (vector_hamming_distance, vector_top_k_bits) only resemble those of the
-- vectors: a search for candidates by bits whose vectors are then compared may miss nearest rows. The codes of
-- vector_quantize miss none.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.VectorRows), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   v varbinary (packed), varchar or nvarchar (JSON), or VECTOR: The vector.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @element (one of f32, f64, f16, bf16, i8) Element type of packed vectors, and with f64 also the precision of JSON
--            ones. f16, bf16 and i8 are converted exactly to f32.
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   bits varbinary(max): The vector, eight bits a byte.
--
-- NULL: NULL in any vector of a row gives NULL.
-- Empty: The empty vector gives no bytes.
-- NaN and infinity: NaN gives 0, infinity 1.
-- Accuracy: Exact.
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorBinarize]
--       @source = N'SELECT [id], [v] FROM (VALUES (CAST(1 AS bigint), CAST(''[0.5,-1,0,2]'' AS varchar(max))), (CAST(2 AS bigint), CAST(''[1,1,1,1,1,1,1,-1,3]'' AS varchar(max)))) AS [example] ([id], [v])';
--   gives 1 | 0x90
--   gives 2 | 0xFE80
CREATE OR ALTER PROCEDURE [hart].[VectorBinarize]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[VectorRows] READONLY,
    @element varchar(64) = 'f32',
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_per_read int = 10000,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    IF @source IS NOT NULL AND EXISTS (SELECT * FROM @source_rows)
        THROW 59908, N'@source and @source_rows are both given; expected one of them', 1;
    IF @source IS NULL
    BEGIN
        IF NOT EXISTS (SELECT * FROM @source_rows)
            THROW 59909, N'neither @source nor a row in @source_rows is given; expected one of them', 1;
        IF @by_part = 1
            THROW 59907, N'@by_part = 1 needs @source: the rows of @source_rows have no column part', 1;
        SELECT [id], [v] INTO [#hart_rows] FROM @source_rows;
        SET @source =
            CASE WHEN EXISTS (SELECT * FROM [#hart_rows] WHERE DATALENGTH([v]) > 8000)
                THEN N'SELECT [id], [v] FROM [#hart_rows]'
                ELSE N'SELECT [id], CAST([v] AS varbinary(8000)) AS [v] FROM [#hart_rows]'
            END;
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,v', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_binarize',
                @input_data_1 = @input,
                @params = N'@element varchar(64), @r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @element = @element,
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_binarize',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@element varchar(64)',
                @element = @element
                WITH RESULT SETS (([id] bigint, [bits] varbinary(max), [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_binarize',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@element varchar(64), @r_rowsPerRead int',
                @element = @element,
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [bits] varbinary(max)));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
