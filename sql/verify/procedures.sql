-- The procedures of sql/hartonomous that the five scenarios do not call, on the rows of application.sql and after scenarios.sql, whose points this
-- overwrites. A batch that ends without an error has passed; 59960 says what was found.

-- Scenario: RecomputeAllSpatialProjections
EXEC dbo.sp_RecomputeAllSpatialProjections;
IF EXISTS
    (SELECT * FROM dbo.AtomEmbeddings
     WHERE SpatialProjX IS NULL OR SpatialBucketX IS NULL OR SpatialGeometry.STSrid <> 0
        OR ABS(SpatialGeometry.STX - SpatialProjX) > 0 OR ABS(SpatialProjX - SpatialCoarse.STX) >= 1e-3
        OR ABS(SpatialCoarse.STX * 1000 - SpatialBucketX) > 1e-6)
    THROW 59960, N'dbo.sp_RecomputeAllSpatialProjections left a row whose point, bucket and coarse point do not agree', 1;
IF (SELECT COUNT(*) FROM dbo.AtomEmbeddings WHERE SpatialCoarse IS NOT NULL AND ABS(SpatialProjX) < 1) <> 3
    THROW 59960, N'dbo.sp_RecomputeAllSpatialProjections did not give the three rows new points', 1;
EXEC dbo.sp_InitializeSpatialAnchors @refresh = 1;
IF (SELECT COUNT(*) FROM dbo.SpatialAnchors) <> 3
    THROW 59960, N'dbo.sp_InitializeSpatialAnchors did not make three anchors anew', 1;
GO
-- Scenario: UpdateAtomEmbeddingSpatialMetadata
EXEC dbo.sp_UpdateAtomEmbeddingSpatialMetadata @embedding_id = 1;
EXEC dbo.sp_UpdateAtomEmbeddingSpatialMetadata @embedding_id = 1;
IF NOT EXISTS
    (SELECT * FROM dbo.AtomEmbeddingSpatialMetadata AS m
     JOIN dbo.AtomEmbeddings AS e
         ON e.SpatialBucketX = m.SpatialBucketX AND e.SpatialBucketY = m.SpatialBucketY AND e.SpatialBucketZ = m.SpatialBucketZ
     WHERE e.AtomEmbeddingId = 1 AND m.HasZ = 1 AND m.EmbeddingCount = 1 AND m.MinProjX = e.SpatialProjX AND m.MaxProjZ = e.SpatialProjZ)
    THROW 59960, N'dbo.sp_UpdateAtomEmbeddingSpatialMetadata did not count the one row of its bucket', 1;
GO
-- Scenario: SemanticSearch_IsLogged
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 2);
EXEC dbo.sp_SemanticSearch @query_embedding = @vector, @query_dimension = 32, @top_k = 2;
EXEC dbo.sp_SemanticSearch @query_embedding = @vector, @query_dimension = 32, @top_k = 3, @use_hybrid = 0;
IF (SELECT STRING_AGG(CONCAT(JSON_VALUE(OutputMetadata, '$.search_method'), N' ', JSON_VALUE(OutputMetadata, '$.results_count')), N', ')
        WITHIN GROUP (ORDER BY InferenceId)
    FROM dbo.InferenceRequests) <> N'HYBRID_SPATIAL_VECTOR 2, VECTOR_ONLY 3'
   OR (SELECT COUNT(*) FROM dbo.InferenceRequests WHERE TotalDurationMs IS NOT NULL) <> 2
    THROW 59960, N'dbo.sp_SemanticSearch did not log a hybrid search with 2 results and a vector search with 3', 1;
GO
-- Scenario: SearchesWithinInsertExec
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 2);
DECLARE @semantic TABLE
(
    AtomEmbeddingId bigint, AtomId bigint, Modality nvarchar(64), Subtype nvarchar(128), SourceType nvarchar(128), SourceUri nvarchar(1024),
    CanonicalText nvarchar(max), EmbeddingType nvarchar(128), ModelId int, CosineDistance float, SimilarityScore float, SpatialDistance float,
    SearchMethod nvarchar(50), InferenceId bigint
);
INSERT @semantic
EXEC dbo.sp_SemanticSearch @query_embedding = @vector, @query_dimension = 32, @top_k = 2, @summary = 0;
IF (SELECT COUNT(*) FROM @semantic) <> 2 OR NOT EXISTS (SELECT * FROM @semantic WHERE AtomEmbeddingId = 2)
    THROW 59960, N'INSERT ... EXEC dbo.sp_SemanticSearch did not take the two rows of a hybrid search', 1;
DELETE FROM [hart].[SearchNode];
INSERT [hart].[SearchNode] (node, database_name, [source])
VALUES (N'here', DB_NAME(), N'SELECT AtomEmbeddingId AS id, EmbeddingVector AS v FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId <= 2'),
       (N'there', DB_NAME(), N'SELECT AtomEmbeddingId AS id, EmbeddingVector AS v FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId > 2');
DECLARE @query varchar(max) = CAST(@vector AS varchar(max));
DECLARE @hits TABLE ([rank] bigint, node sysname, id bigint, distance float);
INSERT @hits
EXEC [hart].[VectorTopKFanOut] @query = @query, @k = 3;
IF (SELECT COUNT(*) FROM @hits) <> 3 OR NOT EXISTS (SELECT * FROM @hits WHERE [rank] = 1 AND node = N'here' AND id = 2)
   OR NOT EXISTS (SELECT * FROM @hits WHERE node = N'there' AND id = 3)
    THROW 59960, N'INSERT ... EXEC hart.VectorTopKFanOut did not take the hits of two nodes', 1;
DELETE FROM [hart].[SearchNode];
GO
-- Scenario: CompressedSearch_FindsTheSameRows
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 2);
DECLARE @query varchar(max) = CAST(@vector AS varchar(max));
CREATE TABLE #codes (id bigint NOT NULL PRIMARY KEY, code varbinary(max) NOT NULL);
INSERT INTO #codes (id, code)
EXEC [hart].[VectorQuantize] @source = N'SELECT AtomEmbeddingId AS id, EmbeddingVector AS v FROM dbo.AtomEmbeddings';
DECLARE @plain TABLE ([query] int, [rank] int, id bigint, distance float);
DECLARE @hits TABLE ([query] int, [rank] int, id bigint, distance float);
INSERT @plain
EXEC [hart].[VectorTopK] @source = N'SELECT AtomEmbeddingId AS id, EmbeddingVector AS v FROM dbo.AtomEmbeddings', @query = @query, @k = 2;
INSERT @hits
EXEC [hart].[VectorTopKCompressed] @codes_source = N'SELECT id, code FROM #codes',
    @source = N'SELECT AtomEmbeddingId AS id, EmbeddingVector AS v FROM dbo.AtomEmbeddings', @query = @query, @k = 2;
IF (SELECT COUNT(*) FROM @hits) <> 2 OR EXISTS (SELECT * FROM @plain EXCEPT SELECT * FROM @hits)
    THROW 59960, N'hart.VectorTopKCompressed did not find the two rows of hart.VectorTopK', 1;
DROP TABLE #codes;
GO
-- Scenario: AtomizeModel_CanBeRebuilt
-- The matrix ((3, 0), (0, 4)): singular values 4 and 3.
DECLARE @weights varbinary(max) = 0x00004040000000000000000000008040;
UPDATE dbo.ModelLayers SET TensorShape = N'[2, 2]' WHERE LayerId = 1;
EXEC dbo.sp_AtomizeModel @model_blob = @weights, @model_format_hint = N'f32', @layer_name = N'dense', @parent_layer_id = 1;
EXEC dbo.sp_AtomizeModel @model_blob = @weights, @model_format_hint = N'f32', @layer_name = N'dense', @parent_layer_id = 1;
IF (SELECT COUNT(*) FROM dbo.fn_LayerComponents(1)) <> 2
   OR (SELECT COUNT(*) FROM dbo.TensorAtomPayloads AS p JOIN dbo.TensorAtoms AS a ON a.TensorAtomId = p.TensorAtomId WHERE a.LayerId = 1) <> 4
   OR EXISTS
    (SELECT * FROM dbo.fn_LayerComponents(1) AS p
     JOIN dbo.TensorAtoms AS a ON CAST(JSON_VALUE(a.Metadata, '$.component') AS bigint) = p.component
     WHERE a.LayerId = 1 AND a.AtomType = N'svd_right'
       AND (ABS(p.singular_value - CASE WHEN a.ImportanceScore > 0.5 THEN 4 ELSE 3 END) > 1e-5
            OR ABS(a.SpatialSignature.M - p.singular_value) > 1e-5))
    THROW 59960, N'dbo.sp_AtomizeModel, run twice, did not store the two components of the layer with singular values 4 and 3', 1;
CREATE TABLE #rebuilt ([chunk] bigint NULL, payload varbinary(max) NULL);
INSERT INTO #rebuilt ([chunk], payload)
EXEC dbo.sp_ReconstructLayer @parent_layer_id = 1;
SELECT CAST(0 AS bigint) AS [chunk], @weights AS payload, payload AS approximation INTO #compared FROM #rebuilt;
CREATE TABLE #error ([elements] bigint, relative_error float, largest_error float, largest_at bigint, cosine float);
INSERT INTO #error ([elements], relative_error, largest_error, largest_at, cosine)
EXEC [hart].[TensorError] @source = N'SELECT [chunk], payload, approximation FROM #compared';
IF NOT EXISTS (SELECT * FROM #error WHERE [elements] = 4 AND relative_error < 1e-6)
    THROW 59960, N'dbo.sp_ReconstructLayer did not return the four weights', 1;
GO
-- Scenario: AtomizedModel_CanBeLoadedAndRebuilt
-- The files of a model with the matrix ((3, 0), (0, 4)), of which one component is kept, and a bias (5, 6).
INSERT INTO atomized.ModelLayers (LayerId, LayerIdx, LayerName, LayerType, TensorShape, TensorDtype, Parameters, ParameterCount)
VALUES
    (1, 0, N'loaded dense', N'matrix', N'[2,2]', N'float32', N'{"rows":2,"columns":2,"components":1,"relativeError":0.6}', 4),
    (2, 1, N'loaded bias', N'vector', N'[2]', N'float32', N'{"rows":1,"columns":2,"components":1,"relativeError":0}', 2);
INSERT INTO atomized.TensorAtoms (TensorAtomId, LayerId, AtomType, Metadata, ImportanceScore)
VALUES
    (1, 1, N'svd_right', N'{"component":1}', 0.64), (2, 1, N'svd_left', N'{"component":1}', 0.64),
    (3, 2, N'whole', N'{"component":1}', 1);
INSERT INTO atomized.TensorAtomCoefficients (TensorAtomCoefficientId, TensorAtomId, ParentLayerId, TensorRole, Coefficient)
VALUES (1, 1, 1, N'v', 4), (2, 2, 1, N'u', 1), (3, 3, 2, N'whole', 1);
INSERT INTO atomized.TensorAtomPayloads (PayloadId, TensorAtomId, RowGuid, Payload, Metadata)
VALUES
    (1, 1, NEWID(), 0x000000000000803F, N'{}'), (2, 2, NEWID(), 0x000000000000803F, N'{}'),
    (3, 3, NEWID(), 0x0000A0400000C040, N'{}');
EXEC dbo.sp_LoadAtomizedModel @model_id = 1;
DECLARE @dense bigint = (SELECT LayerId FROM dbo.ModelLayers WHERE LayerName = N'loaded dense'),
    @bias bigint = (SELECT LayerId FROM dbo.ModelLayers WHERE LayerName = N'loaded bias');
CREATE TABLE #loaded ([chunk] bigint NULL, payload varbinary(max) NULL);
INSERT INTO #loaded ([chunk], payload)
EXEC dbo.sp_ReconstructLayer @parent_layer_id = @dense;
IF NOT EXISTS (SELECT * FROM #loaded WHERE payload = 0x00000000000000000000000000008040)
    THROW 59960, N'dbo.sp_ReconstructLayer did not return ((0, 0), (0, 4)) for the loaded matrix', 1;
DELETE FROM #loaded;
INSERT INTO #loaded ([chunk], payload)
EXEC dbo.sp_ReconstructLayer @parent_layer_id = @bias;
IF NOT EXISTS (SELECT * FROM #loaded WHERE payload = 0x0000A0400000C040)
    THROW 59960, N'dbo.sp_ReconstructLayer did not return (5, 6) for the loaded bias', 1;
DELETE FROM #loaded;
DECLARE @here geometry =
    (SELECT SpatialSignature.STBuffer(1) FROM dbo.TensorAtoms WHERE LayerId = @dense AND AtomType = N'svd_left' AND SpatialSignature.M = 4);
INSERT INTO #loaded ([chunk], payload)
EXEC dbo.sp_SynthesizeModelLayer @query_shape = @here, @parent_layer_id = @dense;
IF NOT EXISTS (SELECT * FROM #loaded WHERE payload = 0x00000000000000000000000000008040)
    THROW 59960, N'dbo.sp_SynthesizeModelLayer did not find the loaded component at its position', 1;
GO
-- Scenario: WeightHistory
-- A moment at which the old value is in force, and one at which the new one is.
DECLARE @id bigint = (SELECT MIN(TensorAtomCoefficientId) FROM dbo.TensorAtomCoefficients WHERE TensorAtomId = 2);
WAITFOR DELAY '00:00:00.100';
DECLARE @before datetime2(7) = SYSUTCDATETIME();
WAITFOR DELAY '00:00:00.100';
UPDATE dbo.TensorAtomCoefficients SET Coefficient = 0.75 WHERE TensorAtomCoefficientId = @id;
WAITFOR DELAY '00:00:00.100';
DECLARE @after datetime2(7) = SYSUTCDATETIME();
DECLARE @evolution TABLE
(
    TensorAtomCoefficientId bigint, TensorAtomId bigint, AtomId bigint, AtomType nvarchar(128), ParentLayerId bigint, TensorRole nvarchar(128),
    Coefficient real, ChangedAt datetime2(7), ValidUntil datetime2(7), PreviousValue real, Delta real, PercentChange float
);
INSERT INTO @evolution
EXEC dbo.sp_GetWeightEvolution @TensorAtomId = 2, @StartDate = @before;
IF (SELECT COUNT(*) FROM @evolution) <> 1
   OR NOT EXISTS (SELECT * FROM @evolution WHERE Coefficient = 0.75 AND PreviousValue = 0.5 AND Delta = 0.25 AND PercentChange = 50)
    THROW 59960, N'dbo.sp_GetWeightEvolution did not return the one change from 0.5 to 0.75', 1;
DECLARE @recent TABLE
(
    TensorAtomCoefficientId bigint, TensorAtomId bigint, AtomId bigint, ModelId int, AtomType nvarchar(128), TensorRole nvarchar(128),
    CurrentValue real, PreviousValue real, Delta real, ChangedAt datetime2(7)
);
INSERT INTO @recent
EXEC dbo.sp_GetRecentWeightChanges @TopN = 1;
IF NOT EXISTS (SELECT * FROM @recent WHERE TensorAtomCoefficientId = @id AND CurrentValue = 0.75 AND PreviousValue = 0.5)
    THROW 59960, N'dbo.sp_GetRecentWeightChanges did not return the newest change first', 1;
IF NOT EXISTS (SELECT * FROM dbo.vw_CurrentWeights WHERE TensorAtomCoefficientId = @id AND Coefficient = 0.75)
    THROW 59960, N'dbo.vw_CurrentWeights does not have the new value', 1;
EXEC dbo.sp_CompareWeightsAtTimes @Time1 = @before, @Time2 = @after;
GO
