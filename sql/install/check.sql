-- Says whether a call goes through: versions and settings, then a search whose answer is known.
SET QUOTED_IDENTIFIER, ANSI_NULLS ON;
GO
EXEC [hart].[SystemInfo];
GO
DECLARE @hits TABLE ([query] int, [rank] int, id bigint, distance float);
INSERT @hits
EXEC [hart].[VectorTopK]
    @source = N'SELECT [id], [v] FROM (VALUES (CAST(7 AS bigint), CAST(''[0,0]'' AS varchar(max))), (8, ''[3,4]''), (9, ''[6,8]'')) AS [rows] ([id], [v])',
    @query = '[3,4]', @k = 2, @metric = 'euclidean';
IF (SELECT COUNT(*) FROM @hits) = 2
   AND EXISTS (SELECT * FROM @hits WHERE [rank] = 1 AND id = 8 AND distance = 0)
   AND EXISTS (SELECT * FROM @hits WHERE [rank] = 2 AND id = 7 AND distance = 5)
    PRINT N'hart: the check passed';
ELSE
    THROW 59915, N'hart runs, but its answer is wrong: expected 8 at distance 0 and 7 at distance 5', 1;
GO
