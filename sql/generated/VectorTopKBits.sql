SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
-- Generated from the registry by `hart sql`; do not edit.
-- hart.VectorTopKBits: The k rows of bits nearest to one or many queries by Hamming or Jaccard distance, exactly.
-- Looks at every row. Nearest first; equal distances, of which bits have many, are ordered by the smaller id, then by
-- input order. Several queries come in one parameter, one after the other. Exact for the bits. If they are the signs of
-- vectors (vector_binarize), the rows found here and then compared as vectors are not all of those that vector_top_k
-- finds: for that, use vector_candidates and the codes of vector_quantize.
--
-- Input: a SELECT in @source, with these columns and no others. They are bound by name, or, where not all of these
--        names are there, by position:
--   id bigint: The caller's key; returned unchanged.
--   bits varbinary: The vector, eight bits a byte.
--   left_out (may be missing) bit, float, real, numeric or an integer type: Leaves the row out where it is true, or a
--            number other than 0; NULL keeps the row, NaN leaves it out.
--   With @by_part = 1 also part bigint: the kernel runs once for each of its values, which comes back with the rows.
--
-- Parameters:
--   @query (binary, or its hexadecimal text (0x...)) The query's bytes; with query_count > 1 those of all queries, one
--          after the other.
--   @query_count (an integer from 1 to 1000000) Number of queries in `query`.
--   @k (an integer from 1 to 2147483647) Rows wanted for each query.
--   @metric (one of hamming, jaccard) hamming = number of bits that differ, jaccard = part of the bits set in either
--           that is not set in both.
--   @min_distance (a finite number) Only rows at a greater distance: the last distance of a page gives the next page, 0
--                 leaves out the query itself.
--   @parallel Lets SQL Server compute parts in several processes; needs @by_part = 1.
--   @rows_json (OUTPUT) Given a text, for example '', the rows come in it as a JSON array of objects and there is no
--              result set, so that the caller can itself be called by INSERT ... EXEC; not with @by_part = 1, and in
--              one process.
--
-- Result:
--   query int [number from 1]: Which query.
--   rank int [number from 1]: 1 is the nearest.
--   id bigint: The caller's key; returned unchanged.
--   distance float [bits for hamming, 1 for jaccard]: As vector_hamming_distance or vector_jaccard_distance.
--
-- NULL: A row whose bits are NULL is no candidate. A NULL id is kept and loses every tie.
-- Empty: No rows give no result rows.
-- NaN and infinity: Bits are no numbers: there is none.
-- Accuracy: The distances of vector_hamming_distance and vector_jaccard_distance. The same order on every machine, for
--           any number of threads and queries.
-- Chunks: Each chunk gives its own best k; the caller merges them, by distance and then id.
-- In T-SQL: A WHERE in @source leaves rows out just as well. To merge the best of several parts: SELECT TOP (k) ...
--           ORDER BY distance, id. FLOAT holds neither NaN nor infinity: such a result arrives as NULL.
-- Errors: 59901 to 59999 for the call (docs/TROUBLESHOOTING.md); 59000 + n where the kernel refuses with its error n
--         and the server passes on its line, else 59900 with that line, which begins with "hart:", among the messages
--         before it.
--
-- Example:
--   EXEC [hart].[VectorTopKBits]
--       @source = N'SELECT [id], [bits] FROM (VALUES (CAST(7 AS bigint), CAST(0xF0 AS varbinary(max))), (CAST(8 AS bigint), CAST(0xFF AS varbinary(max))), (CAST(9 AS bigint), CAST(0x01 AS varbinary(max)))) AS [example] ([id], [bits])',
--       @query = 0x70,
--       @k = 2;
--   gives 1 | 1 | 7 | 1
--   gives 1 | 2 | 9 | 4
CREATE OR ALTER PROCEDURE [hart].[VectorTopKBits]
(
    @source nvarchar(max),
    @query varbinary(max),
    @query_count int = 1,
    @k int = 10,
    @metric varchar(64) = 'hamming',
    @min_distance float = -1.7976931348623157e308,
    @by_part bit = 0,
    @parallel bit = 0,
    @rows_json varchar(max) = NULL OUTPUT
)
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @input nvarchar(max);
    EXEC [hart].[PrepareSource] @source = @source, @columns = N'id,bits', @by_part = @by_part, @input = @input OUTPUT, @optional = N'left_out';
    IF @rows_json IS NOT NULL AND @by_part = 1
        THROW 59944, N'@rows_json and @by_part = 1 are both given; expected one of them', 1;
    IF @parallel = 1 AND @by_part = 0
        THROW 59906, N'@parallel = 1 needs @by_part = 1 here: each process would see some of the rows only', 1;
    BEGIN TRY
        IF @rows_json IS NOT NULL
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_top_k_bits',
                @input_data_1 = @input,
                @params = N'@query varbinary(max), @query_count int, @k int, @metric varchar(64), @min_distance float, @rows_json varchar(max) OUTPUT',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance,
                @rows_json = @rows_json OUTPUT;
        ELSE IF @by_part = 1
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_top_k_bits',
                @input_data_1 = @input,
                @input_data_1_partition_by_columns = N'part',
                @parallel = @parallel,
                @params = N'@query varbinary(max), @query_count int, @k int, @metric varchar(64), @min_distance float',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float, [part] bigint));
        ELSE
            EXEC sp_execute_external_script
                @language = N'hart',
                @script = N'vector_top_k_bits',
                @input_data_1 = @input,
                @params = N'@query varbinary(max), @query_count int, @k int, @metric varchar(64), @min_distance float',
                @query = @query,
                @query_count = @query_count,
                @k = @k,
                @metric = @metric,
                @min_distance = @min_distance
                WITH RESULT SETS (([query] int, [rank] int, [id] bigint, [distance] float));
    END TRY
    BEGIN CATCH
        EXEC [hart].[RethrowKernelError];
        THROW;
    END CATCH;
END;
GO
