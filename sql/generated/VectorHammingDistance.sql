SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorHammingDistance: Hamming distance of two vectors of bits.
-- The number of bits in which the vectors differ. Vectors are bytes of eight bits each, as vector_binarize makes them;
-- the order of the bits makes no difference.
--
-- Input: a SELECT in @source, or one or more rows in @source_rows (hart.BitPairs), with these columns and no others.
--        They are bound by name, or, where not all of these names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   a varbinary: First vector, eight bits a byte.
--   b varbinary: Second vector, of as many bytes as a.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @parallel, @rows_per_read Let SQL Server use several processes; rows of a chunk. They change no result.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   id bigint: The caller's key; returned unchanged.
--   hamming_distance bigint [bits]: From 0 to the number of bits.
--
-- NULL: NULL in any vector of a row gives NULL.
-- Empty: Two empty vectors give 0.
-- NaN and infinity: Bits are no numbers: there is none.
-- Accuracy: Exact.
-- Chunks: Row by row: chunks do not change results.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorHammingDistance]
--       @source = N'SELECT [id], [a], [b] FROM (VALUES (CAST(1 AS bigint), CAST(0xA0FF AS varbinary(max)), CAST(0x81FF AS varbinary(max))), (CAST(2 AS bigint), CAST(0xFF AS varbinary(max)), CAST(NULL AS varbinary(max)))) AS [example] ([id], [a], [b])';
--   gives 1 | 2
--   gives 2 | NULL
CREATE OR ALTER PROCEDURE [hart].[VectorHammingDistance]
(
    @source nvarchar(max) = NULL,
    @source_rows [hart].[BitPairs] READONLY,
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
        SELECT [id], [a], [b] INTO [#hart_rows] FROM @source_rows;
        SET @source = N'SELECT [id], [a], [b] FROM [#hart_rows]';
    END;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,a,b', @by_part = @by_part, @input = @input OUTPUT;
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hamming_distance',
                @input_data_1 = @input,
                @params = N'@r_rowsPerRead int, @rows_json varchar(max) OUTPUT',
                @r_rowsPerRead = @rows_per_read,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hamming_distance',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel
                WITH RESULT SETS (([id] bigint, [hamming_distance] bigint, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_hamming_distance',
                @input_data_1 = @input,
                @parallel = @parallel,
                @params = N'@r_rowsPerRead int',
                @r_rowsPerRead = @rows_per_read
                WITH RESULT SETS (([id] bigint, [hamming_distance] bigint));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
