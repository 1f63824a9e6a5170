-- Generated from the registry by `hart sql`; do not edit.
-- Removes the wrappers and then the table types.
DROP PROCEDURE IF EXISTS [hart].[VectorAdd];
DROP PROCEDURE IF EXISTS [hart].[VectorArgMax];
DROP PROCEDURE IF EXISTS [hart].[VectorCosineSimilarity];
DROP PROCEDURE IF EXISTS [hart].[VectorDistance];
DROP PROCEDURE IF EXISTS [hart].[VectorDotProduct];
DROP PROCEDURE IF EXISTS [hart].[VectorEuclideanDistance];
DROP PROCEDURE IF EXISTS [hart].[VectorLerp];
DROP PROCEDURE IF EXISTS [hart].[VectorNorm];
DROP PROCEDURE IF EXISTS [hart].[VectorNormalize];
DROP PROCEDURE IF EXISTS [hart].[VectorScale];
DROP PROCEDURE IF EXISTS [hart].[VectorSoftmax];
DROP PROCEDURE IF EXISTS [hart].[VectorSubtract];
DROP PROCEDURE IF EXISTS [hart].[VectorTopK];
DROP PROCEDURE IF EXISTS [hart].[SystemEcho];
DROP PROCEDURE IF EXISTS [hart].[SystemInfo];
DROP TYPE IF EXISTS [hart].[VectorRows];
DROP TYPE IF EXISTS [hart].[VectorPairs];
GO
