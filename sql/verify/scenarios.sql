-- The five integration scenarios of the application, on the rows of application.sql. A batch that ends without an error has
-- passed; 59960 says what was found.

-- Scenario: ComputeSpatialProjection_ProducesGeometry
EXEC dbo.sp_InitializeSpatialAnchors;
IF (SELECT COUNT(*) FROM dbo.SpatialAnchors) <> 3
    THROW 59960, N'dbo.sp_InitializeSpatialAnchors did not make three anchors of three embeddings', 1;
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 1);
DECLARE @x float, @y float, @z float;
EXEC dbo.sp_ComputeSpatialProjection @input_vector = @vector, @input_dimension = 32,
    @output_x = @x OUTPUT, @output_y = @y OUTPUT, @output_z = @z OUTPUT;
-- The text of a VECTOR has eight digits.
IF @x IS NULL OR @y IS NULL OR @z IS NULL
   OR ABS(@x - 0.0120970) > 1e-5 OR ABS(@y - 0.0194472) > 1e-5 OR ABS(@z + 0.0236928) > 1e-5
BEGIN
    DECLARE @message nvarchar(2048) = CONCAT(N'the point is (', @x, N', ', @y, N', ', @z, N'), expected (0.012097, 0.0194472, -0.0236928)');
    SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
    THROW 59960, @message, 1;
END;
GO
-- Scenario: HybridSearch_ReturnsSpatialCandidates
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 3);
DECLARE @x float, @y float, @z float;
EXEC dbo.sp_ComputeSpatialProjection @input_vector = @vector, @input_dimension = 32,
    @output_x = @x OUTPUT, @output_y = @y OUTPUT, @output_z = @z OUTPUT;
DECLARE @found TABLE
(
    AtomEmbeddingId bigint, AtomId bigint, Modality nvarchar(64), Subtype nvarchar(128), SourceUri nvarchar(1024),
    SourceType nvarchar(128), EmbeddingType nvarchar(128), ModelId int, exact_distance float, spatial_distance float
);
INSERT @found
EXEC dbo.sp_HybridSearch @query_vector = @vector, @query_dimension = 32, @query_spatial_x = @x, @query_spatial_y = @y,
    @query_spatial_z = @z, @spatial_candidates = 32, @final_top_k = 5;
IF (SELECT COUNT(*) FROM @found) <> 3 OR (SELECT TOP (1) AtomEmbeddingId FROM @found ORDER BY exact_distance) <> 3
    THROW 59960, N'dbo.sp_HybridSearch did not return the three rows with the query''s own row first', 1;
GO
-- Scenario: SemanticSearch_ReturnsOriginalEmbedding
DECLARE @vector VECTOR(1998) = (SELECT EmbeddingVector FROM dbo.AtomEmbeddings WHERE AtomEmbeddingId = 1);
DECLARE @found TABLE
(
    AtomEmbeddingId bigint, AtomId bigint, Modality nvarchar(64), Subtype nvarchar(128), SourceUri nvarchar(1024),
    SourceType nvarchar(128), CanonicalText nvarchar(max), EmbeddingType nvarchar(128), ModelId int, Dimension int,
    distance float, similarity float, CreatedAt datetime2, SpatialDistance float
);
INSERT @found
EXEC dbo.sp_ExactVectorSearch @query_vector = @vector, @top_k = 5;
IF NOT EXISTS (SELECT * FROM @found WHERE AtomEmbeddingId = 1) OR EXISTS (SELECT * FROM @found WHERE SpatialDistance IS NULL)
    THROW 59960, N'dbo.sp_ExactVectorSearch did not return the query''s own row, or a row without SpatialDistance', 1;
GO
-- Scenario: MultiResolutionSearch_UsesSpatialCoordinates
DECLARE @found TABLE
(
    AtomEmbeddingId bigint, AtomId bigint, Modality nvarchar(64), Subtype nvarchar(128), SourceType nvarchar(128),
    SourceUri nvarchar(1024), CanonicalText nvarchar(max), EmbeddingType nvarchar(128), ModelId int,
    SpatialDistance float, CoarseDistance float
);
INSERT @found
EXEC dbo.sp_MultiResolutionSearch @query_x = 13, @query_y = -3.5, @query_z = 2.8, @coarse_candidates = 32,
    @fine_candidates = 16, @final_top_k = 5;
IF NOT EXISTS (SELECT * FROM @found WHERE AtomEmbeddingId = 3 AND SpatialDistance < 1e-9)
   OR EXISTS (SELECT * FROM @found WHERE SpatialDistance IS NULL OR CoarseDistance IS NULL)
    THROW 59960, N'dbo.sp_MultiResolutionSearch did not find the row at the query''s point, or a row without a distance', 1;
GO
-- Scenario: StudentModelComparison_ReturnsMetrics
EXEC dbo.sp_ExtractStudentModel @ParentModelId = 1, @NewModelName = N'student', @keep_ratio = 0.25;
DECLARE @student int = (SELECT ModelId FROM dbo.Models WHERE ModelName = N'student');
-- A quarter of the four atoms: the most important one.
IF (SELECT COUNT(*) FROM dbo.TensorAtoms WHERE ModelId = @student) <> 1
   OR NOT EXISTS (SELECT * FROM dbo.TensorAtoms WHERE ModelId = @student AND AtomId = 4)
    THROW 59960, N'dbo.sp_ExtractStudentModel did not keep the most important quarter of the atoms', 1;
EXEC dbo.sp_CompareModelKnowledge @ModelAId = 1, @ModelBId = @student, @compare_values = 1;
-- What the application compares: the student has layers and atoms, and no more of them than its parent.
DECLARE @a float, @b float, @atoms_a float, @atoms_b float;
SELECT @a = COUNT(*) FROM dbo.ModelLayers WHERE ModelId = 1;
SELECT @b = COUNT(*) FROM dbo.ModelLayers WHERE ModelId = @student;
SELECT @atoms_a = COUNT(*) FROM dbo.TensorAtoms WHERE ModelId = 1;
SELECT @atoms_b = COUNT(*) FROM dbo.TensorAtoms WHERE ModelId = @student;
IF @b = 0 OR @a < @b OR @a / NULLIF(@b, 0) < 1 OR @atoms_b = 0 OR @atoms_a / NULLIF(@atoms_b, 0) <> 4
BEGIN
    DECLARE @message nvarchar(2048) = CONCAT(N'the student has ', @b, N' of ', @a, N' layers and ', @atoms_b, N' of ', @atoms_a,
        N' atoms; expected at most the layers, and 1 of 4 atoms');
    SET @message = REPLACE(LEFT(@message, 1000), N'%', N'%%');
    THROW 59960, @message, 1;
END;
GO
